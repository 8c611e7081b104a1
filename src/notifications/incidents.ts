import { Injectable } from '@nestjs/common';
import { isOfStatement } from './inbox/postgres-error.js';
import { OneLineLogger } from './one-line.js';

const QUIET_MS = 30_000;
const PARKED_MS = 60_000;
const PARKED_LINES = 10;

/** What operators should know of what goes wrong by itself, in the background. */
@Injectable()
export class Incidents {
  private readonly logger = new OneLineLogger('Notifications');
  private readonly lastLogged = new Map<string, number>();
  private parkedSince = Number.NEGATIVE_INFINITY;
  private parkedLines = 0;
  private unreported = 0;
  private reporting?: NodeJS.Timeout;

  /** A background task could not reach its server, or was refused; it tries again. Logged at most every half a minute. */
  failed(task: 'relay' | 'purge' | 'stream' | 'broker' | 'counts' | 'keys', error: unknown): void {
    if (!this.isDue(task)) return;
    const message = error instanceof Error ? error.message : String(error);
    const ofPostgres = isOfStatement(error) ? 'Postgres refused a statement' : 'Postgres did not answer';
    const what = task === 'broker' ? 'the link to the other instances is down' : ofPostgres;
    this.logger.warn(`${task}: ${what} (${message}); trying again.`);
  }

  /** The application can't start yet. */
  startWaits(reason: string): void {
    this.logger.warn(`The start waits: ${reason}.`);
  }

  /** The relay has given up on rows of the outbox. Ten of a minute are logged, the others counted. */
  parked(rows: readonly { pos: string; error: string }[]): void {
    const now = Date.now();
    if (now - this.parkedSince >= PARKED_MS) {
      this.reportParked();
      this.parkedSince = now;
      this.parkedLines = 0;
    }
    for (const { pos, error } of rows) {
      this.parkedLines += 1;
      if (this.parkedLines > PARKED_LINES) this.unreported += 1;
      else {
        const message = `Outbox row ${pos} was refused and is parked: ${error}`;
        this.logger.error(`${message} See ParkedNotifications, or docs/plain-sql.md.`);
      }
    }
    if (this.unreported > 0 && !this.reporting) {
      this.reporting = setTimeout(() => this.reportParked(), this.parkedSince + PARKED_MS - now);
      this.reporting.unref();
    }
  }

  /** Rows of the outbox have a kind or a field that this version doesn't know. */
  unknown(what: string): void {
    this.logger.warn(
      `Rows of the outbox have ${what}, which this version doesn't know. They are left to a newer one for 10 minutes, ` +
        'and then parked.',
    );
  }

  /** Rows of the outbox are ready, and nobody delivers them. */
  blocked(forMs: number, leader: string): void {
    const seconds = Math.round(forMs / 1_000);
    this.logger.error(
      `relay: rows of the outbox have been ready for ${seconds} s and nobody delivers them. The relay's lock is held by ` +
        `${leader}. If that is no instance of this application, end it by pg_terminate_backend().`,
    );
  }

  private reportParked(): void {
    clearTimeout(this.reporting);
    this.reporting = undefined;
    if (this.unreported > 0) this.logger.error(`${this.unreported} more outbox rows were refused and are parked.`);
    this.unreported = 0;
  }

  /** Messages have come by the broker that no instance has signed. Logged at most every half a minute. */
  foreignMessage(): void {
    if (!this.isDue('foreign')) return;
    this.logger.warn(
      'broker: messages that no instance of this application has signed were ignored. Another application may use the ' +
        'same channel, or somebody forges them: see docs/operations.md, "Forged messages".',
    );
  }

  private isDue(what: string): boolean {
    const now = Date.now();
    if (now - (this.lastLogged.get(what) ?? -QUIET_MS) < QUIET_MS) return false;
    this.lastLogged.set(what, now);
    return true;
  }
}
