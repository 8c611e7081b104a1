import { Column, CreateDateColumn, Entity, PrimaryGeneratedColumn } from 'typeorm';

export type Decision = 'approved' | 'rejected';

/** A discount on a deal that somebody asked somebody else for. */
@Entity({ name: 'approval' })
export class Approval {
  @PrimaryGeneratedColumn('identity')
  id!: number;

  @Column('int')
  dealId!: number;

  /** The user who asked. */
  @Column('text')
  requestedBy!: string;

  /** The user who decides, and nobody else. */
  @Column('text')
  approver!: string;

  /** The discount, in whole units of the deal's currency. */
  @Column('int')
  amount!: number;

  @Column('text')
  reason!: string;

  @Column('text', { default: 'pending' })
  status!: 'pending' | Decision;

  /** What the approver said to it. */
  @Column('text', { nullable: true })
  note!: string | null;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt!: Date;

  @Column('timestamptz', { nullable: true })
  decidedAt!: Date | null;
}
