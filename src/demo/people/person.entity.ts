import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { Language } from './language.js';

/** Somebody who works with the CRM. */
@Entity({ name: 'person' })
export class Person {
  /** What they log in with. */
  @PrimaryColumn('text')
  id!: string;

  @Column('text')
  name!: string;

  /** What they do, such as `sales`; null if nobody has said. */
  @Column('text', { nullable: true })
  role!: string | null;

  /** Null until they choose one. */
  @Column('text', { nullable: true })
  language!: Language | null;
}
