import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binaries } from './binaries.js';
import { EmbeddedPostgresError } from './embedded-postgres.error.js';
import { freePort } from './free-port.js';
import type { HomeDirectory } from './home-directory.js';
import { findPostmaster, type Postmaster, voidStalePid } from './postmaster.js';
import { serverEnvironment } from './server-environment.js';
import { ServerLog } from './server-log.js';
import { waitFor } from './wait.js';

/** Server settings by name, as in postgresql.conf. */
export type ServerSettings = Readonly<Record<string, string | number>>;

/** Crash recovery after a killed run may take long. */
const START_TIMEOUT_MS = 60_000;
const RETRY_DELAY_MS = 250;
const RETRIES = 20;

/**
 * Starts the server, detached so that it outlives this process when others use it, and waits until it accepts
 * connections. Call under the lock when no server runs.
 */
export async function launch(
  home: HomeDirectory,
  binaries: Binaries,
  port: number | undefined,
  settings: ServerSettings,
): Promise<Postmaster> {
  for (let retries = RETRIES; ; retries -= 1) {
    voidStalePid(home.cluster);
    const log = new ServerLog(home.log);
    try {
      return await launchOnce(home, binaries, serverArguments(home, port ?? (await freePort()), settings), log);
    } catch (cause) {
      const lines = log.tail();
      if (retries === 0 || !isTransient(lines, port)) {
        const why = `${(cause as Error).message}. ${remedy(home, lines, port)}`;
        throw new EmbeddedPostgresError(
          `Postgres could not start on ${home.cluster}: ${why}\nThe last lines of ${log.path}:\n${lines}`,
          { cause },
        );
      }
    } finally {
      log.close();
    }
    await sleep(RETRY_DELAY_MS);
  }
}

function serverArguments(home: HomeDirectory, port: number, settings: ServerSettings): string[] {
  const all: ServerSettings = {
    max_connections: 200,
    ...settings,
    // Not for the caller to change: we reach the server by these, and it reaches our log.
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    logging_collector: 'off',
  };
  return ['-D', home.cluster, ...Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

async function launchOnce(
  home: HomeDirectory,
  binaries: Binaries,
  options: string[],
  log: ServerLog,
): Promise<Postmaster> {
  const child = spawn(binaries.postgres, options, {
    cwd: home.cluster,
    env: serverEnvironment(),
    detached: true,
    windowsHide: true,
    stdio: ['ignore', log.descriptor, log.descriptor],
    ...home.account,
  });
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  child.once('exit', (code, signal) => {
    failure = new Error(`it ended with ${signal ?? `exit code ${code}`}`);
  });
  child.unref();

  const outcome = await waitFor(() => failure ?? readyPostmaster(home.cluster), START_TIMEOUT_MS);
  if (outcome && !(outcome instanceof Error)) return outcome;
  child.kill('SIGQUIT');
  throw outcome ?? new Error(`it was not ready after ${START_TIMEOUT_MS} ms`);
}

function readyPostmaster(cluster: string): Postmaster | undefined {
  const postmaster = findPostmaster(cluster);
  return postmaster?.status === 'ready' ? postmaster : undefined;
}

/** Another program took the port that we found free, or a child of a killed server hasn't noticed yet. */
function isTransient(lines: string, port: number | undefined): boolean {
  return hasSurvivors(lines) || (port === undefined && isPortTaken(lines));
}

function hasSurvivors(lines: string): boolean {
  return /pre-existing shared memory block/.test(lines);
}

function isPortTaken(lines: string): boolean {
  return /could not bind|Address already in use/.test(lines);
}

function remedy(home: HomeDirectory, lines: string, port: number | undefined): string {
  if (isPortTaken(lines)) return `Port ${port} is taken: end what listens there, or choose another port.`;
  if (hasSurvivors(lines)) return 'A child of a killed server still works on the data: wait for it, or end it.';
  return `If its data may be lost, delete ${home.path}; else set DATABASE_URL to use a server of your own.`;
}
