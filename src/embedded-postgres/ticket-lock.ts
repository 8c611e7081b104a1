import { randomBytes } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { currentProcess, formatIdentity, isRunning, parseIdentity } from './process-identity.js';
import { waitFor, waitForSync } from './wait.js';

/** A start that has to create a cluster, or to recover one, holds the lock for long. */
export const LOCK_TIMEOUT_MS = 120_000;

/** A held lock; give it back with `release()`. */
export interface Ticket {
  release(): void;
}

/**
 * A lock between processes that survives a crashed holder.
 *
 * Tickets are files named 1, 2, 3 …; the highest one is the lock. It is free when its file is empty (released) or its
 * holder is dead, and is taken by creating the next number, which only one process can do. A plain lock file can't be
 * taken over safely: of two processes that both find it stale, the slower one deletes the fresh lock of the faster.
 * The highest ticket is never deleted, so a latecomer that creates a lower one sees the higher one and steps back.
 */
export class TicketLock {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  async acquire(timeoutMs: number): Promise<Ticket> {
    const ticket = await waitFor(() => this.tryAcquire(), timeoutMs);
    if (ticket) return ticket;
    throw new EmbeddedPostgresError(
      `Waited ${timeoutMs} ms for the lock ${this.directory}: process ${this.holder(this.highest())?.pid} still holds it. ` +
        'It is starting or stopping the same embedded Postgres; wait for it or end it.',
    );
  }

  /** For process 'exit' handlers. What this very process still holds counts as free: the code that held it is gone. */
  acquireAtExit(timeoutMs: number): Ticket | undefined {
    return waitForSync(() => {
      const heldByUs = this.holder(this.highest())?.pid === process.pid;
      return heldByUs ? { release: () => {} } : this.tryAcquire();
    }, timeoutMs);
  }

  private tryAcquire(): Ticket | undefined {
    const highest = this.highest();
    if (this.holder(highest)) return undefined;
    const mine = highest + 1;
    if (!this.create(mine)) return undefined;
    if (this.highest() > mine) {
      rmSync(this.path(mine), { force: true });
      return undefined;
    }
    for (const older of this.tickets().filter((number) => number < mine)) rmSync(this.path(older), { force: true });
    return { release: () => this.release(mine) };
  }

  private release(number: number): void {
    // The data directory may have been discarded, and the lock with it.
    if (existsSync(this.path(number))) truncateSync(this.path(number));
  }

  /** Creates the ticket together with its content, so that nobody reads a ticket without a holder. */
  private create(number: number): boolean {
    const draft = join(this.directory, `draft-${process.pid}-${randomBytes(6).toString('hex')}`);
    writeFileSync(draft, formatIdentity(currentProcess()));
    try {
      linkSync(draft, this.path(number));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      rmSync(draft, { force: true });
    }
  }

  private holder(number: number) {
    try {
      const identity = parseIdentity(readFileSync(this.path(number), 'utf8'));
      return identity && isRunning(identity) ? identity : undefined;
    } catch {
      return undefined;
    }
  }

  private highest(): number {
    return Math.max(0, ...this.tickets());
  }

  private tickets(): number[] {
    return readdirSync(this.directory)
      .map(Number)
      .filter((number) => Number.isInteger(number) && number > 0);
  }

  private path(number: number): string {
    return join(this.directory, String(number));
  }
}
