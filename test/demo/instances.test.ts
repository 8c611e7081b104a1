import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { discardEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';
import { newDataDir } from '../support/data-dirs.js';
import { answerOf, Colleague } from './colleague.js';
import { DemoProcess } from './demo-process.js';
import { runTypeOrm } from './type-orm.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

let dataDir: string;
let demo: DemoProcess;
let others: DemoProcess[];

const start = () => DemoProcess.start({ DATA_DIR: dataDir });
const postgresRuns = () => existsSync(join(dataDir, 'cluster', 'postmaster.pid'));

beforeAll(async () => {
  dataDir = newDataDir();
  // Both start Postgres, create everything, and migrate: on an empty directory, at once.
  [demo, ...others] = await Promise.all([start(), start()]);
});

afterEach(async () => {
  await Promise.all(others.splice(0).map((other) => other.end()));
});

afterAll(async () => {
  await demo.end();
  // False, if anybody still used it.
  expect(await discardEmbeddedPostgres(dataDir)).toBe(true);
});

async function announce(by: DemoProcess, title: string): Promise<void> {
  const { token } = (await answerOf(by.url, 'POST', '/login', { user: 'carol' })).body;
  expect((await answerOf(by.url, 'POST', '/announcements', { title }, token)).status).toBe(200);
}

describe('the embedded Postgres', () => {
  test('is shared by two that start at once on an empty directory: one sample, one secret, one inbox', async () => {
    const [other] = others as [DemoProcess];
    const [alice, bob] = await Promise.all([Colleague.open(demo.url, 'alice'), Colleague.open(other.url, 'bob')]);
    const { items } = (await alice.get('/deals')).body;
    expect(items).toHaveLength(20);
    expect((await answerOf(other.url, 'GET', '/deals', undefined, alice.token)).body).toEqual({ items });

    await alice.post(`/deals/${items[0].id}/assign`, { owner: 'bob' });
    await announce(other, 'from the other one');
    await bob.until(() => bob.titles.length === 2);
    await alice.until(() => alice.titles.includes('from the other one'));
    alice.close();
    bob.close();
  });

  test('survives the end of one of two', async () => {
    const other = await start();
    expect(await other.end('SIGINT')).toEqual({ code: 0, signal: null });
    await announce(demo, 'still here');
  });

  test('is left as it was found by a start on a PORT that is taken', async () => {
    const alice = await Colleague.open(demo.url, 'alice');
    const second = DemoProcess.spawn({ DATA_DIR: dataDir, PORT: String(demo.port) });
    expect(await second.ended).toEqual({ code: 1, signal: null });
    expect(second.stderr.trim()).toBe(
      `Port ${demo.port} is in use: end what listens there, or choose another port, as in PORT=3001 npm start.`,
    );
    expect(second.stdout).toBe('');

    await announce(demo, 'unharmed');
    await alice.until(() => alice.titles.includes('unharmed'));
    alice.close();
  });

  test('is taken over after kill -9, with its data and with the logins from before', async () => {
    const alice = await Colleague.open(demo.url, 'alice');
    const before = (await alice.get('/notifications')).body;
    alice.close();
    expect(await demo.end('SIGKILL')).toEqual({ code: null, signal: 'SIGKILL' });
    expect(postgresRuns()).toBe(true);

    demo = await start();
    expect(await answerOf(demo.url, 'GET', '/notifications', undefined, alice.token)).toEqual({
      status: 200,
      body: before,
    });
  });

  test('ends with the last one, and is there again at the next start', async () => {
    expect(await demo.end()).toEqual({ code: 0, signal: null });
    expect(postgresRuns()).toBe(false);
    demo = await start();
    await announce(demo, 'again');
  });
});

describe("TypeORM's command line", () => {
  test('shows, reverts and runs while the demo runs, which goes on', async () => {
    expect(await runTypeOrm('show', { DATA_DIR: dataDir })).toMatch(/^\[X\] \d+ CreateNotificationTables/);
    expect(await runTypeOrm('revert', { DATA_DIR: dataDir })).toContain('has been reverted successfully');
    expect(await runTypeOrm('run', { DATA_DIR: dataDir })).toContain('has been executed successfully');
    await announce(demo, 'after revert and run');
  });
});
