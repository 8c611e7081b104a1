import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** A sale that somebody works on. */
@Entity({ name: 'deal' })
export class Deal {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('text')
  name!: string;

  @Column('text')
  company!: string;

  @Column('text')
  stage!: string;

  /** In whole euros. */
  @Column('int')
  amount!: number;

  /** The user who works on it. */
  @Column('text')
  owner!: string;
}
