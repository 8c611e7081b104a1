import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Somebody whom the company knows. */
@Entity({ name: 'contact' })
export class Contact {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('text')
  name!: string;

  @Column('text')
  company!: string;

  @Column('text')
  email!: string;
}
