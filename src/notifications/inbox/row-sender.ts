import type { Hint } from '../broker/broker.js';
import { uuidV7 } from '../uuid-v7.js';
import type { NotificationsDataSource, Statement } from './database.js';
import { deliverStatements } from './deliver.statement.js';
import type { CheckedRow } from './held-rows.js';
import { NOWHERE } from './outbox-line.js';
import { hintsOf } from './payload-inboxes.js';
import { isLaterPart } from './row-batch.js';

interface Answer {
  leader: boolean;
  /** Positions of the rows that were there, and not locked. */
  taken: string[] | null;
  /** All recipients of a large message have it. */
  is_over?: boolean;
}

/** A message that is delivered to some of its recipients at a time. */
export interface LargeMessage {
  row: CheckedRow;
  id: string;
  /** Each once. */
  recipients: string[];
}

export function largeMessageOf(row: CheckedRow): LargeMessage {
  const { payload, messageId } = row;
  if (payload.kind === 'broadcast') throw new Error('a broadcast has no recipients');
  return { row, id: messageId ?? payload.id ?? uuidV7(), recipients: [...new Set(payload.recipients)] };
}

/** Sends the statements that deliver rows of the outbox, and tells whom they have reached. Errors are Postgres' own. */
export class RowSender {
  private readonly sql: ReturnType<typeof deliverStatements>['relay'];

  /** @param isRetry rows that were set aside: they need no leader. */
  constructor(
    private readonly database: NotificationsDataSource,
    private readonly onDelivered: (hints: Hint[]) => void,
    isRetry: boolean,
  ) {
    const { relay, relayDue } = deliverStatements(database.quotedSchema);
    this.sql = isRetry ? relayDue : relay;
  }

  /** @returns the positions of the rows that have left the outbox; null if another instance is relaying. */
  async send(batch: CheckedRow[]): Promise<Set<string> | null> {
    const positions = batch.map((row) => row.pos);
    const [answer] = await this.database.run<Answer>(this.statementFor(batch), [positions]);
    if (!answer?.leader) return null;
    const taken = new Set(answer.taken ?? []);
    this.announce(batch.filter((row) => taken.has(row.pos)).flatMap((row) => hintsOf(row.payload)));
    return taken;
  }

  /**
   * Delivers to the next recipients, and notes in the row how far it is. With the last of them the row leaves the outbox.
   *
   * @param most recipients at most.
   * @returns null if another instance is relaying. `isTaken`: the row was there, and not locked.
   */
  async sendSlice(
    { row, id, recipients }: LargeMessage,
    most: number,
  ): Promise<{ isTaken: boolean; isOver: boolean } | null> {
    const some = { ...row.payload, id, recipients: recipients.slice(row.progress, row.progress + most) };
    const values = [row.pos, JSON.stringify(some)];
    const progress = row.progress + some.recipients.length;
    const isLast = progress >= recipients.length;
    const [answer] =
      row.messageId === null
        ? await this.database.run<Answer>(this.sql.relayFirst, [...values, progress])
        : await this.database.run<Answer>(this.sql.relayNext, [...values, row.progress, progress, isLast]);
    if (!answer?.leader) return null;
    if (answer.taken === null) return { isTaken: false, isOver: false };
    this.announce(hintsOf(some));
    row.messageId = id;
    row.progress = progress;
    return { isTaken: true, isOver: answer.is_over === true };
  }

  /** Does Postgres accept the statement if there is nothing to deliver? Rights and tables are looked at all the same. */
  async isAccepted(batch: CheckedRow[]): Promise<boolean> {
    try {
      await this.database.run(this.statementFor(batch), [[NOWHERE]]);
      return true;
    } catch {
      return false;
    }
  }

  private statementFor(batch: CheckedRow[]): Statement {
    const [row] = batch as [CheckedRow];
    if (row.payload.kind === 'broadcast') return this.sql.relayBroadcasts;
    if (isLaterPart(row)) return this.sql.relayPart;
    return batch.length === 1 ? this.sql.relayOne : this.sql.relayNotifications;
  }

  /** When the next statement is on its way: naming 5,000 recipients takes 4 ms, in which Postgres had nothing to do. */
  private announce(hints: Hint[]): void {
    if (hints.length > 0) setImmediate(() => this.onDelivered(hints));
  }
}
