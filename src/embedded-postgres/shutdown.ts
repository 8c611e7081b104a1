import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import type { HomeDirectory } from './home-directory.js';
import { findPostmaster, requestShutdown, type ShutdownMode, waitUntilGone, waitUntilGoneSync } from './postmaster.js';

const TIMEOUT_MS = 30_000;

/** Shuts the server down, if one runs, and waits until it is gone. Call under the lock. */
export async function endServer(home: HomeDirectory, binaries: Binaries, mode: ShutdownMode): Promise<void> {
  const running = findPostmaster(home.cluster);
  if (!running) return;
  requestShutdown(running.pid, mode, binaries.pgCtl);
  if (await waitUntilGone(home.cluster, running.pid, TIMEOUT_MS)) return;
  requestShutdown(running.pid, 'immediate', binaries.pgCtl);
  if (await waitUntilGone(home.cluster, running.pid, TIMEOUT_MS)) return;
  throw new EmbeddedPostgresError(
    `Postgres, process ${running.pid}, doesn't shut down. Read ${home.log}; as a last resort kill the process.`,
  );
}

/** The same for process 'exit' handlers: blocks, and after `timeoutMs` leaves the server to finish by itself. */
export function endServerAtExit(home: HomeDirectory, binaries: Binaries, timeoutMs: number): void {
  const running = findPostmaster(home.cluster);
  if (!running) return;
  requestShutdown(running.pid, 'fast', binaries.pgCtl);
  waitUntilGoneSync(home.cluster, running.pid, timeoutMs);
}
