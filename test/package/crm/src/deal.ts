import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity()
export class Deal {
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  ownerId!: string;
}
