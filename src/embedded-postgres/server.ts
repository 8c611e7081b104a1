import { existsSync, rmSync } from 'node:fs';
import { type Binaries, findBinaries } from './binaries.js';
import { createCluster } from './cluster.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { type HomeDirectory, openHome } from './home-directory.js';
import { launch, type ServerSettings } from './launch.js';
import { findPostmaster, type Postmaster, type ShutdownMode } from './postmaster.js';
import { endServer } from './shutdown.js';
import { LOCK_TIMEOUT_MS, TicketLock } from './ticket-lock.js';
import { Use } from './use.js';
import { Users } from './users.js';

export interface StartOptions {
  /**
   * Where the data lives across runs; created when absent. As root with directories above that the Postgres user can't
   * enter, the data goes below /var/tmp and `dataDir/relocated` links to it; a line on stderr says so.
   */
  dataDir: string;
  /**
   * The port on 127.0.0.1.
   * @default that of the server that already runs on `dataDir`, else any free port
   */
  port?: number;
  /**
   * Server settings by name, for the process that starts the server; those that join it take it as it is.
   * @default { max_connections: 200 }
   */
  settings?: ServerSettings;
  /** The directory of the package with the programs, for another version of Postgres. @default the installed one's */
  packageDir?: string;
}

/** One use of a running server. */
export interface EmbeddedPostgres {
  /** Of the database `postgres`, as its superuser. */
  readonly url: string;
  readonly port: number;
  /** The process id of the server. */
  readonly pid: number;
  /**
   * Ends this use; the last use ends the server. Happens by itself when the process exits, but not when a signal
   * kills it. Safe to call twice.
   */
  stop(mode?: ShutdownMode): Promise<void>;
}

/** Starts the server of this data directory, or joins it when it already runs. */
export async function startEmbeddedPostgres(options: StartOptions): Promise<EmbeddedPostgres> {
  const home = openHome(options.dataDir);
  if (home.notice) process.stderr.write(`embedded-postgres: ${home.notice}\n`);
  const binaries = await findBinaries(home.account, options.packageDir);
  const lock = new TicketLock(home.lock);
  const users = new Users(home.users);

  const ticket = await lock.acquire(LOCK_TIMEOUT_MS);
  try {
    const othersUseIt = users.count() > 0;
    const use = new Use(home, binaries, lock, users, users.add());
    try {
      const { pid, port } = await obtain(home, binaries, options, othersUseIt);
      return { url: `postgres://postgres@127.0.0.1:${port}/postgres`, port, pid, stop: (mode) => use.end(mode) };
    } catch (error) {
      use.abandon();
      throw error;
    }
  } finally {
    ticket.release();
  }
}

export interface DiscardOptions {
  /**
   * Also when running processes use it.
   * @default false
   */
  force?: boolean;
}

/**
 * Ends the server, if one still runs, and deletes the data directory with all its data. Returns false, and does
 * nothing, when a running process uses it.
 */
export async function discardEmbeddedPostgres(
  dataDir: string,
  { force = false }: DiscardOptions = {},
): Promise<boolean> {
  if (!existsSync(dataDir)) return true;
  const home = openHome(dataDir);
  const ticket = await new TicketLock(home.lock).acquire(LOCK_TIMEOUT_MS);
  try {
    if (!force && new Users(home.users).count() > 0) return false;
    await endServer(home, await findBinaries(home.account), 'immediate');
    for (const path of new Set([home.path, dataDir])) rmSync(path, { recursive: true, force: true });
    return true;
  } finally {
    ticket.release();
  }
}

async function obtain(
  home: HomeDirectory,
  binaries: Binaries,
  { port, settings = {} }: StartOptions,
  othersUseIt: boolean,
): Promise<Postmaster> {
  const running = findPostmaster(home.cluster);
  if (running?.status === 'ready') {
    if (port === undefined || port === running.port) return running;
    if (othersUseIt) {
      throw new EmbeddedPostgresError(
        `The Postgres on ${home.path} is in use on port ${running.port}, so it can't listen on ${port}. ` +
          `End the processes that use it, or don't ask for a port.`,
      );
    }
  }
  await endServer(home, binaries, 'fast');
  await createCluster(home, binaries, settings.fsync !== 'off');
  return launch(home, binaries, port, settings);
}
