import { Injectable, Logger } from '@nestjs/common';

const QUIET_MS = 30_000;

/** What operators should know of what goes wrong by itself, in the background. */
@Injectable()
export class Incidents {
  private readonly logger = new Logger('Notifications');
  private readonly lastLogged = new Map<string, number>();

  /** A background task could not reach its server; it tries again. Logged at most every half a minute. */
  failed(task: 'relay' | 'purge' | 'stream' | 'broker' | 'counts' | 'keys', error: unknown): void {
    if (!this.isDue(task)) return;
    const message = error instanceof Error ? error.message : String(error);
    const what = task === 'broker' ? 'the link to the other instances is down' : 'Postgres did not answer';
    this.logger.warn(`${task}: ${what} (${message}); trying again.`);
  }

  /** Messages have come by the broker that no instance has signed. Logged at most every half a minute. */
  foreignMessage(): void {
    if (!this.isDue('foreign')) return;
    this.logger.warn(
      'broker: messages that no instance of this application has signed were ignored. Another application may use the ' +
        'same channel, or somebody forges them: see docs/operations.md, "Forged messages".',
    );
  }

  /** The relay has given up on a row of the outbox. */
  parked(pos: string, error: string): void {
    this.logger.error(
      `Outbox row ${pos} was refused and is parked: ${error} See ParkedNotifications, or docs/plain-sql.md.`,
    );
  }

  private isDue(what: string): boolean {
    const now = Date.now();
    if (now - (this.lastLogged.get(what) ?? -QUIET_MS) < QUIET_MS) return false;
    this.lastLogged.set(what, now);
    return true;
  }
}
