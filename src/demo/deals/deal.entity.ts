import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Currency } from './money.js';
import type { Stage } from './stage.js';

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
  stage!: Stage;

  /** In whole units of the currency. */
  @Column('int')
  amount!: number;

  /** The default is for deals from before there was more than one. */
  @Column('text', { default: 'EUR' })
  currency!: Currency;

  /** The user who works on it. */
  @Column('text')
  owner!: string;
}
