import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { canReach } from '../../src/embedded-postgres/account.js';
import { discardEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { TEST_SETTINGS } from '../support/test-settings.js';
import { makeBareCheckout, REPOSITORY } from './bare-checkout.js';
import { PostgresUser } from './postgres-user.js';

const NOBODY = 65534;
const AS_NOBODY = { uid: NOBODY, gid: NOBODY };
const isRoot = process.geteuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
const canSpawnNobody = isRoot && [REPOSITORY, dirname(process.execPath)].every((path) => canReach(path, AS_NOBODY));
const asNobody = canSpawnNobody ? test : test.skip;

let root: string;
let checkout: string;
let program: string;
let dataDir: string;
let users: PostgresUser[];

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'ncn-test-checkout-'));
  chmodSync(root, 0o755);
  mkdirSync(join(root, 'tmp'));
  chmodSync(join(root, 'tmp'), 0o1777);
  mkdirSync(join(root, 'home-of-nobody'));
  if (isRoot) chownSync(join(root, 'home-of-nobody'), NOBODY, NOBODY);
  checkout = join(root, 'checkout');
  dataDir = join(checkout, '.data', 'postgres');
  users = [];

  program = makeBareCheckout(checkout);
});

afterEach(async () => {
  await Promise.all(users.map((user) => user.kill()));
  chmodSync(checkout, 0o755);
  await discardEmbeddedPostgres(dataDir, { force: true });
  rmSync(root, { recursive: true, force: true });
});

function spawnUser(options: { uid?: number; gid?: number } = {}): PostgresUser {
  const user = PostgresUser.spawn(dataDir, {
    program,
    settings: TEST_SETTINGS,
    // SWC, which compiles the child, wants a home to unpack into.
    env: { ...process.env, TMPDIR: join(root, 'tmp'), ...(options.uid && { HOME: join(root, 'home-of-nobody') }) },
    ...options,
  });
  users.push(user);
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

const copies = () => readdirSync(join(root, 'tmp'));

describe('binaries', () => {
  test('without symbolic links and modes are repaired in place, by two processes at once', async () => {
    const both = [spawnUser(), spawnUser()];
    const [first, second] = await Promise.all(both.map((user) => user.started()));
    expect(first?.pid).toBe(second?.pid);
    expect(copies()).toEqual([]);
  });

  asNobody('that a normal user can neither run nor repair are copied, by two processes at once', async () => {
    mkdirSync(dataDir, { recursive: true });
    chownSync(dataDir, NOBODY, NOBODY);

    const both = [spawnUser(AS_NOBODY), spawnUser(AS_NOBODY)];
    const [first, second] = await Promise.all(both.map((user) => user.started()));
    expect(first?.pid).toBe(second?.pid);
    expect(copies()).toEqual([expect.stringMatching(/^embedded-postgres-.*-65534$/)]);
    expect(statSync(join(dataDir, 'cluster')).uid).toBe(NOBODY);
  });
});

describe('a checkout that only root can enter', () => {
  asRoot(
    'works from a copy, with the data in one place below /var/tmp, where the next run finds it again',
    async () => {
      chmodSync(checkout, 0o700);
      const both = [spawnUser(), spawnUser()];
      const [first, second] = await Promise.all(both.map((user) => user.started()));
      expect(first?.pid).toBe(second?.pid);
      await query(first?.url ?? '', 'CREATE TABLE kept AS SELECT 42 AS answer');
      await Promise.all(both.map((user) => user.stop()));

      const home = readlinkSync(join(dataDir, 'relocated'));
      expect(home).toMatch(/^\/var\/tmp\/embedded-postgres-/);
      for (const { stderr } of both) {
        expect((await stderr).trimEnd().split('\n')).toEqual([
          expect.stringMatching(`can't enter .*its data is in ${home}$`),
        ]);
      }
      expect(copies()).toEqual([expect.stringMatching(/^embedded-postgres-.*-0$/)]);

      const next = spawnUser();
      expect(await query((await next.started()).url, 'SELECT * FROM kept')).toEqual([{ answer: 42 }]);
      await next.exit();
      await discardEmbeddedPostgres(dataDir);
      expect([home, dataDir].filter(existsSync)).toEqual([]);
    },
  );
});

describe('a data directory of another user', () => {
  asNobody('is an error with the remedy', async () => {
    mkdirSync(dataDir, { recursive: true });
    await expect(spawnUser(AS_NOBODY).started()).rejects.toThrow(/Can't write to .*It may belong to another user/);
  });

  asNobody('is used as its owner by root', async () => {
    mkdirSync(dataDir, { recursive: true });
    chownSync(dataDir, NOBODY, NOBODY);
    const owner = spawnUser(AS_NOBODY);
    await owner.started();
    await owner.stop();

    await spawnUser().started();
    expect(statSync(join(dataDir, 'cluster')).uid).toBe(NOBODY);
  });
});
