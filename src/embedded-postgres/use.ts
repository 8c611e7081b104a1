import { existsSync } from 'node:fs';
import type { Binaries } from './binaries.js';
import type { HomeDirectory } from './home-directory.js';
import type { ShutdownMode } from './postmaster.js';
import { endServer, endServerAtExit } from './shutdown.js';
import { LOCK_TIMEOUT_MS, type TicketLock } from './ticket-lock.js';
import type { Registration, Users } from './users.js';

/** An exiting process that has to wait longer leaves the server to the next start. */
const EXIT_TIMEOUT_MS = 5_000;

/** The registered use by this process, which ends by `end()` or with the process. */
export class Use {
  private ended: Promise<void> | undefined;
  private readonly onExit = () => this.endAtExit();

  constructor(
    private readonly home: HomeDirectory,
    private readonly binaries: Binaries,
    private readonly lock: TicketLock,
    private readonly users: Users,
    private readonly registration: Registration,
  ) {
    process.on('exit', this.onExit);
  }

  end(mode: ShutdownMode = 'fast'): Promise<void> {
    this.ended ??= this.endOnce(mode);
    return this.ended;
  }

  /** For a failed start: no server to end. */
  abandon(): void {
    process.off('exit', this.onExit);
    this.registration.remove();
  }

  private async endOnce(mode: ShutdownMode): Promise<void> {
    this.registration.remove();
    const ticket = await this.lock.acquire(LOCK_TIMEOUT_MS);
    try {
      if (this.users.count() === 0) await endServer(this.home, this.binaries, mode);
    } finally {
      ticket.release();
      process.off('exit', this.onExit);
    }
  }

  private endAtExit(): void {
    // Somebody may have discarded the data directory.
    if (!existsSync(this.home.path)) return;
    this.registration.remove();
    const ticket = this.lock.acquireAtExit(EXIT_TIMEOUT_MS);
    if (!ticket) return;
    try {
      if (this.users.count() === 0) endServerAtExit(this.home, this.binaries, EXIT_TIMEOUT_MS);
    } finally {
      ticket.release();
    }
  }
}
