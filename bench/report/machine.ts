import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, type as operatingSystem, release, totalmem } from 'node:os';

/** Where a measurement was made. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGb: number;
  kernel: string;
  /** The hard limit of open files, which bounds the connections; null where it isn't to be had. */
  openFiles: number | null;
}

/** Package or program → its version. */
export type Versions = Record<string, string>;

const PEERS = [
  '@nestjs/core',
  '@nestjs/platform-express',
  '@nestjs/platform-socket.io',
  '@nestjs/websockets',
  'better-sse',
  'express',
  'pg',
  'rxjs',
  'socket.io',
  'typeorm',
  'ws',
];

const NODE_MODULES = new URL('../../node_modules/', import.meta.url);

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() || 'unknown',
    cores: cpus().length,
    memoryGb: Number((totalmem() / 2 ** 30).toFixed(1)),
    kernel: `${operatingSystem()} ${release()}`,
    openFiles: hardLimitOfOpenFiles(),
  };
}

/** @param programs what isn't a package, such as Postgres. */
export function versionsOf(programs: Versions = {}): Versions {
  const packages = PEERS.map((name) => [name, versionIn(new URL(`${name}/package.json`, NODE_MODULES))]);
  return { node: process.versions.node, ...programs, ...Object.fromEntries(packages), ...gatewaysSocketIo() };
}

export function formatMachine({ cpu, cores, memoryGb, kernel, openFiles }: Machine): string {
  const limit = openFiles === null ? '' : `, at most ${openFiles} open files`;
  return `${cores} × ${cpu}, ${memoryGb} GB, ${kernel}${limit}`;
}

export function formatVersions(versions: Versions): string {
  return Object.entries(versions)
    .map(([name, version]) => `${name} ${version}`)
    .join(', ');
}

/** Nest's platform pins a socket.io of its own, which need not be ours. */
function gatewaysSocketIo(): Versions {
  const require = createRequire(new URL('@nestjs/platform-socket.io/package.json', NODE_MODULES));
  return { "socket.io of Nest's gateway": versionIn(require.resolve('socket.io/package.json')) };
}

function versionIn(packageJson: URL | string): string {
  return JSON.parse(readFileSync(packageJson, 'utf8')).version;
}

function hardLimitOfOpenFiles(): number | null {
  try {
    const [, hard] = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return hard === undefined ? null : Number(hard);
  } catch {
    // Not Linux.
    return null;
  }
}
