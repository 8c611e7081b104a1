import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import {
  createDatabaseIfAbsent,
  discardEmbeddedPostgres,
  type EmbeddedPostgres,
  EmbeddedPostgresError,
  type StartOptions,
  startEmbeddedPostgres,
} from '../../src/embedded-postgres/embedded-postgres.js';
import { inspectProcess } from '../../src/embedded-postgres/process-identity.js';
import { newDataDir } from '../support/data-dirs.js';
import { eventually } from '../support/eventually.js';
import { TEST_SETTINGS } from '../support/test-settings.js';
import { PostgresUser } from './postgres-user.js';

/** A stopped server without data: copying it takes a tenth of the time of initdb. */
let pristine: string;
let dataDir: string;
let started: PostgresUser[];

beforeAll(async () => {
  pristine = newDataDir();
  await (await startEmbeddedPostgres({ dataDir: pristine, settings: TEST_SETTINGS })).stop();
});

beforeEach(() => {
  dataDir = newDataDir();
  execFileSync('cp', ['-a', join(pristine, 'cluster'), dataDir]);
  started = [];
});

afterEach(async () => {
  await Promise.all(started.map((user) => user.kill()));
  await discardEmbeddedPostgres(dataDir, { force: true });
});

afterAll(async () => {
  await discardEmbeddedPostgres(pristine);
});

function emptyDataDir(): void {
  rmSync(join(dataDir, 'cluster'), { recursive: true });
}

function start(options: Partial<StartOptions> = {}): Promise<EmbeddedPostgres> {
  return startEmbeddedPostgres({ dataDir, settings: TEST_SETTINGS, ...options });
}

function spawnUser(): PostgresUser {
  const user = PostgresUser.spawn(dataDir, { settings: TEST_SETTINGS });
  started.push(user);
  return user;
}

async function query(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

const isAlive = (pid: number) => inspectProcess(pid) !== undefined;
/** The postmaster takes its pid file away a moment before it ends. */
const expectGone = (pid: number) => eventually(() => expect(isAlive(pid)).toBe(false));
const countStarts = () => readFileSync(join(dataDir, 'postgres.log'), 'utf8').split('starting PostgreSQL').length - 1;
const drafts = () => readdirSync(dataDir).filter((name) => name.startsWith('cluster-draft-'));

describe('one process', () => {
  test('gets UTF-8, the locale C, 200 connections, on 127.0.0.1 alone', async () => {
    const { url } = await start({ settings: { fsync: 'off' } });
    expect(await query(url, 'SHOW server_encoding')).toEqual([{ server_encoding: 'UTF8' }]);
    expect(await query(url, 'SHOW max_connections')).toEqual([{ max_connections: '200' }]);
    expect(await query(url, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
    expect(await query(url, "SELECT upper('äö') AS upper, 'a' > 'B' AS bytewise")).toEqual([
      { upper: 'ÄÖ', bytewise: true },
    ]);
  });

  test('keeps its data across starts, the second of which initialises nothing', async () => {
    const first = await start();
    const IDENTITY = 'SELECT system_identifier::text FROM pg_control_system()';
    const identity = await query(first.url, IDENTITY);
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await first.stop();
    await expectGone(first.pid);

    const second = await start();
    expect(await query(second.url, IDENTITY)).toEqual(identity);
    expect(await query(second.url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }]);
  });

  test('may start it twice; the second stop ends the server, a repeated one does nothing', async () => {
    const [first, second] = await Promise.all([start(), start()]);
    expect(second.pid).toBe(first.pid);
    await Promise.all([first.stop(), first.stop()]);
    expect(isAlive(first.pid)).toBe(true);
    await second.stop();
    await expectGone(first.pid);
  });

  test('creates a database when absent, also twice at once', async () => {
    const { url } = await start();
    const urls = await Promise.all(['my "db"', 'my "db"'].map((name) => createDatabaseIfAbsent(url, name)));
    expect(await query(urls[1] ?? '', 'SELECT current_database() AS name')).toEqual([{ name: 'my "db"' }]);
  });

  test('ends the server in its exit handler', async () => {
    const user = spawnUser();
    const { pid } = await user.started();
    await user.exit();
    await expectGone(pid);
  });
});

describe('ports', () => {
  test('a taken port is an error that shows the log and the remedy, and leaves nothing running', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    try {
      const error = await start({ port }).catch((reason) => reason);
      expect(error).toBeInstanceOf(EmbeddedPostgresError);
      expect(error.message).toContain(`Port ${port} is taken: end what listens there`);
      expect(error.message).toContain('could not bind IPv4 address');
    } finally {
      server.close();
    }
    expect(existsSync(join(dataDir, 'cluster', 'postmaster.pid'))).toBe(false);
    expect(readdirSync(join(dataDir, 'users'))).toEqual([]);
  });

  test('another port than that of a server in use is an error; a left one moves', async () => {
    const { port, stop } = await start();
    await expect(start({ port: port + 1 })).rejects.toThrow(`is in use on port ${port}`);
    await stop();

    const orphaned = spawnUser();
    const orphan = await orphaned.started();
    await orphaned.kill();
    const moved = await start({ port });
    expect(moved.port).toBe(port);
    expect(moved.pid).not.toBe(orphan.pid);
    await expectGone(orphan.pid);
  });

  test('a wrong setting is an error that shows the log', async () => {
    await expect(start({ settings: { no_such_setting: 1 } })).rejects.toThrow(
      /could not start on .*(.|\n)*unrecognized configuration parameter "no_such_setting"/,
    );
  });
});

describe('several processes', () => {
  test('that start at once on an empty directory share one server, which the last one ends', async () => {
    emptyDataDir();
    const users = [spawnUser(), spawnUser(), spawnUser()];
    const servers = await Promise.all(users.map((user) => user.started()));
    expect(new Set(servers.map(({ pid }) => pid)).size).toBe(1);
    expect(countStarts()).toBe(1);
    expect(drafts()).toEqual([]);

    const pid = servers[0]?.pid ?? 0;
    await users[1]?.stop();
    await users[0]?.exit();
    expect(isAlive(pid)).toBe(true);
    await users[2]?.exit();
    await expectGone(pid);
  });

  test('that stop at once leave no server', async () => {
    const users = [spawnUser(), spawnUser(), spawnUser()];
    const [server] = await Promise.all(users.map((user) => user.started()));
    await Promise.all(users.map((user, index) => (index % 2 === 0 ? user.exit() : user.stop())));
    await expectGone(server?.pid ?? 0);
  });
});

describe('after kill -9', () => {
  test('of the process, the next one takes its server over and ends it', async () => {
    const killed = spawnUser();
    const orphan = await killed.started();
    await killed.kill();
    expect(isAlive(orphan.pid)).toBe(true);

    const next = await start();
    expect(next).toMatchObject({ pid: orphan.pid, port: orphan.port });
    await next.stop();
    await expectGone(orphan.pid);
  });

  test('of process and server, the data is recovered', async () => {
    const killed = spawnUser();
    const server = await killed.started();
    await query(server.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    await killed.kill();
    process.kill(server.pid, 'SIGKILL');

    const next = await start();
    expect(next.pid).not.toBe(server.pid);
    expect(await query(next.url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }]);
  });

  test('during initdb, the half-made cluster is thrown away', async () => {
    emptyDataDir();
    const killed = spawnUser();
    await eventually(() => expect(existsSync(join(dataDir, drafts()[0] ?? '?', 'PG_VERSION'))).toBe(true));
    await killed.kill();
    expect(existsSync(join(dataDir, 'cluster'))).toBe(false);

    const { url } = await start();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    expect(drafts()).toEqual([]);
  });
});

/** Postgres takes a pid of its own user for a running server; so the stand-ins run as the owner of the cluster. */
describe('a stale postmaster.pid', () => {
  let bystander: ChildProcess;

  afterEach(() => {
    bystander.kill('SIGKILL');
  });

  function spawnBystander(script: string): ChildProcess {
    const { uid, gid } = statSync(join(dataDir, 'cluster'));
    bystander = spawn('sh', ['-c', script], { uid, gid, cwd: '/', stdio: ['ignore', 'pipe', 'ignore'] });
    return bystander;
  }

  async function firstLine(child: ChildProcess): Promise<number> {
    const [line] = await once(child.stdout ?? child, 'data');
    return Number(line);
  }

  function pretendPostmaster(pid: number): void {
    const lines = [
      pid,
      join(dataDir, 'cluster'),
      1_700_000_000,
      5432,
      '',
      '127.0.0.1',
      '  2146382  999999',
      'ready   ',
    ];
    writeFileSync(join(dataDir, 'cluster', 'postmaster.pid'), `${lines.join('\n')}\n`);
  }

  test('whose pid now belongs to another program', async () => {
    const pid = await firstLine(spawnBystander('echo $$; exec sleep 60'));
    pretendPostmaster(pid);
    const { url, stop } = await start();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await stop();
    expect(isAlive(pid)).toBe(true);
  });

  const onLinux = process.platform === 'linux' ? test : test.skip;
  onLinux('whose pid is defunct', async () => {
    // `exec` replaces the shell by a program that never waits for the child.
    const pid = await firstLine(spawnBystander('sleep 0 & echo $!; exec sleep 60'));
    await eventually(() => expect(readFileSync(`/proc/${pid}/stat`, 'utf8')).toMatch(/\) Z /));
    pretendPostmaster(pid);
    const { url } = await start();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });

  test('that is empty, as after a full disk', async () => {
    bystander = spawnBystander('true');
    writeFileSync(join(dataDir, 'cluster', 'postmaster.pid'), '');
    const { url } = await start();
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
  });
});
