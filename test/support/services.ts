import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { eventually } from './eventually.js';

/**
 * What tests need beyond npm. A binary on the PATH is best, because a test may stop and start a server of its own; else
 * a server that runs already serves the tests that leave it alone. Without either they are skipped, and say so; with
 * REQUIRE_SERVICES=1 that is a failure.
 */
export const SERVICES = {
  redis: { binary: 'redis-server', variable: 'REDIS_URL', url: 'redis://localhost:6379' },
  nats: { binary: 'nats-server', variable: 'NATS_URL', url: 'nats://localhost:4222' },
  nginx: { binary: 'nginx' },
  haproxy: { binary: 'haproxy' },
} as const satisfies Record<string, Service>;

interface Service {
  binary: string;
  /** Where a server that runs already is told, and where it is looked for otherwise; missing where none could serve. */
  variable?: string;
  url?: string;
}

export type ServiceName = keyof typeof SERVICES;

/** How a service is to be had here. */
export interface FoundService {
  /** Of the server, for one of the test's own. */
  readonly binary?: string;
  /** Of a server that is not ours: not to be stopped, flushed or flooded. */
  readonly url?: string;
}

/** Debian puts servers where not every user's PATH leads. */
const DIRECTORIES = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'].filter(Boolean);

export async function findService(name: ServiceName): Promise<FoundService> {
  const { binary, variable, url }: Service = SERVICES[name];
  const path = DIRECTORIES.map((directory) => join(directory, binary)).find(isExecutable);
  if (path) return { binary: path };
  const given = (variable && process.env[variable]) ?? url;
  if (given === undefined) return {};
  return (await isReachable(new URL(given))) ? { url: given } : {};
}

/** A server process of a test's own. */
export interface ServerProcess {
  readonly port: number;
  /** Undefined while stopped. */
  readonly pid: number | undefined;
  /** Kills it, as a crash would. */
  stop(): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
}

/**
 * Starts a server on a free port of 127.0.0.1; it is ended with the test run, if not before.
 *
 * @param answer what the server is asked, and how its answer begins when it is ready.
 */
export async function startServerProcess(
  binary: string,
  argsFor: (port: number) => string[],
  answer: { to: string; is: string },
): Promise<ServerProcess> {
  const port = await freePort();
  let child: ChildProcess | undefined;
  const kill = () => child?.kill('SIGKILL');
  process.on('exit', kill);
  const server: ServerProcess = {
    port,
    get pid() {
      return child?.pid;
    },
    stop: async () => {
      const stopping = child;
      child = undefined;
      if (!stopping) return;
      const exited = once(stopping, 'exit');
      stopping.kill('SIGKILL');
      await exited;
    },
    start: async () => {
      let output = '';
      let failure: Error | undefined;
      const started = spawn(binary, argsFor(port), { stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      const keep = (chunk: Buffer) => {
        output = (output + chunk).slice(-2_000);
      };
      started.stdout.on('data', keep);
      started.stderr.on('data', keep);
      const fail = () => {
        failure = new Error(`${binary} ended instead of starting:\n${output}`);
      };
      started.once('error', fail);
      started.once('exit', fail);
      await eventually(async () => {
        if (!failure && !(await says(port, answer))) throw new Error(`${binary} does not answer:\n${output}`);
      });
      if (failure) throw failure;
    },
  };
  await server.start();
  return server;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function isReachable({ hostname, port }: URL): Promise<boolean> {
  return await says(Number(port), { to: '', is: '' }, hostname);
}

async function says(port: number, { to, is }: { to: string; is: string }, host = '127.0.0.1'): Promise<boolean> {
  const socket = connect(port, host, () => socket.write(to));
  socket.setTimeout(1_000, () => socket.destroy(new Error('no answer')));
  try {
    if (is === '') await once(socket, 'connect');
    else if (!String(await once(socket, 'data')).startsWith(is)) return false;
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
