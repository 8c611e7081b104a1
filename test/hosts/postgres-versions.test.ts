import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import pg from 'pg';
import { runNotificationsMigrations } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { proveThatNoneIsOurs, SHORT } from '../support/foreign-timeouts.js';
import { startPrivatePostgres } from '../support/postgres-server.js';
import { skipWithout } from '../support/skip-for.js';
import { goTheWholePath } from '../support/whole-path.js';
import { describeWithPackages } from './support/describe-with-packages.js';
import type { InstalledPackages } from './support/installed-packages.js';

const SUPPORTED = [13, 14, 15, 16, 17, 18];

const onEnd = useCleanup();

async function start(packages: InstalledPackages, version: number): Promise<string> {
  const packageDir = join(packages.directory, 'node_modules', `postgres-${version}`);
  const server = await startPrivatePostgres({}, packageDir);
  onEnd(() => server.dispose());
  return server.url;
}

async function query(url: string, ...statements: string[]): Promise<pg.QueryResult> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    let result: pg.QueryResult | undefined;
    for (const statement of statements) result = await client.query(statement);
    return result as pg.QueryResult;
  } finally {
    await client.end();
  }
}

if (process.platform === 'linux' && process.arch === 'x64') {
  await describeWithPackages('postgres-versions', 'The versions of Postgres', (packages) => {
    test.each(SUPPORTED)(
      '%d: the whole path',
      async (version) => {
        const url = await start(packages, version);
        const { rows } = await query(url, 'SHOW server_version_num');
        expect(Math.floor(rows[0].server_version_num / 10_000)).toBe(version);
        await goTheWholePath(url);
      },
      120_000,
    );

    test.each(SUPPORTED)(
      '%d: timeouts that the database sets end no session and no statement of ours',
      async (version) => {
        const url = await start(packages, version);
        await proveThatNoneIsOurs(url, (timeout) => `ALTER DATABASE postgres SET ${timeout} = '${SHORT}'`, onEnd);
      },
      120_000,
    );

    test.each([
      [12, /need Postgres 13 or later, but the server of the DataSource is Postgres 12\.22\. Upgrade it/],
      [10, /need Postgres 13 or later, but the server of the DataSource is Postgres 10 or older\. Upgrade it/],
    ])(
      '%d is refused in a sentence, and nothing is made in it',
      async (version, sentence) => {
        const url = await start(packages, version);
        const migrations = runNotificationsMigrations({ type: 'postgres', url });
        await expect(migrations).rejects.toMatchObject({
          code: 'INVALID_OPTIONS',
          message: expect.stringMatching(sentence),
        });
        const { rows } = await query(url, "SELECT nspname FROM pg_namespace WHERE nspname = 'notifications'");
        expect(rows).toEqual([]);
      },
      60_000,
    );
  });
} else {
  skipWithout('programs of other versions for this platform', 'The versions of Postgres');
}
