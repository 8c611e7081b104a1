import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Somebody wants to come back to a deal. The notification of it waits in the outbox of the library. */
@Entity({ name: 'reminder' })
export class Reminder {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('int')
  dealId!: number;

  @Column('text')
  user!: string;

  @Column('timestamptz')
  at!: Date;

  @Column('text', { nullable: true })
  note!: string | null;
}
