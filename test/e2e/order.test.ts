import { describe, expect, test } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { inProcessBroker } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import {
  accessToken,
  type CrmApp,
  type CrmAppOptions,
  createMigratedDatabase,
  startCrmApp,
} from '../support/crm-app.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { eventually } from '../support/eventually.js';
import { createGate } from '../support/gate.js';
import { inboxRows } from '../support/inbox-rows.js';
import { type Random, seeded } from '../support/random.js';
import { RoamingClient } from '../support/roaming-client.js';
import { StreamClient } from '../support/stream-client.js';

const WRITERS = 16;
const ROUNDS = 30;
const ROLLED_BACK = 'rolled back';
const RECIPIENTS = Array.from({ length: 50 }, (_, index) => `recipient ${index}`);

const cleanup = useCleanup();

async function startApps(count: number, notifications: CrmAppOptions['notifications'] = {}) {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  cleanup(() => expectNoDeadlocks(database));
  const apps: CrmApp[] = [];
  for (let i = 0; i < count; i++) {
    const app = await startCrmApp(database, { notifications });
    cleanup(() => app.close());
    apps.push(app);
  }
  return { database, apps, crm: apps[0] as CrmApp };
}

/** One of many that send at once: directly and in transactions, to one and to several. */
async function write(crm: CrmApp, random: Random, name: string): Promise<void> {
  const send = async (title: string, manager?: EntityManager) => {
    const to = random.chance(0.5) ? random.pick(RECIPIENTS) : random.some(RECIPIENTS, random.between(2, 20));
    await crm.notifications.notify(to, { type: 'test', title }, { manager });
  };
  for (let round = 0; round < ROUNDS; round++) {
    if (random.chance(0.5)) {
      // Several at once, so that they share a batch.
      await Promise.all(Array.from({ length: random.between(1, 4) }, () => send(`${name}, direct ${round}`)));
      continue;
    }
    const rollsBack = random.chance(0.1);
    const length = random.between(1, 6);
    const transaction = crm.dataSource.transaction(async (manager) => {
      for (let i = 0; i < length; i++)
        await send(`${name}, ${rollsBack ? ROLLED_BACK : 'committed'} ${round}, call ${i}`, manager);
      if (rollsBack) throw new Error(ROLLED_BACK);
    });
    await transaction.catch((error: Error) => {
      if (error.message !== ROLLED_BACK) throw error;
    });
  }
}

describe('Order and completeness', () => {
  test.each([
    { hints: 'linked by a broker', options: { broker: inProcessBroker() } },
    { hints: 'that learn of each other by sweeps alone', options: { sweepMs: 200 } },
  ])(
    'two instances $hints: every stream is exactly what the database holds',
    async ({ options }) => {
      await seeded(async (random) => {
        const { database, apps } = await startApps(2, options);
        const clients = RECIPIENTS.map((recipient) => new RoamingClient(recipient));
        for (const client of clients) cleanup(() => client.leave());
        await Promise.all(clients.map((client) => client.connect(random.pick(apps).url)));
        let writing = true;
        // Some stay, so that all they get is live; the others come and go.
        const roaming = clients.slice(10).map(async (client) => {
          const own = random.fork();
          while (writing) {
            await client.connect(own.pick(apps).url);
            await turns(own.pick([0, 5, 200]));
          }
        });
        const writers = Array.from({ length: WRITERS }, (_, index) =>
          write(apps[index % 2] as CrmApp, random.fork(), `writer ${index}`),
        );
        await Promise.all(writers).finally(() => {
          writing = false;
        });
        await Promise.all(roaming);
        await eventually(async () => expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]));

        const inboxes = await inboxRows(database);
        expect(inboxes.map((inbox) => inbox.recipient)).toEqual([...RECIPIENTS].sort());
        for (const { recipient, lastId, ids, unread } of inboxes) {
          const client = clients.find((candidate) => candidate.recipient === recipient) as RoamingClient;
          await client.finish(lastId);
          expect({ recipient, ids: client.ids, resets: client.resets }).toEqual({ recipient, ids, resets: 0 });
          expect(ids).toEqual(Array.from({ length: lastId }, (_, index) => index + 1));
          expect(unread).toBe(lastId);
          expect(client.titles.filter((title) => title.includes(ROLLED_BACK))).toEqual([]);
          expectOrderWithinTransactions(client.titles);
        }
      });
    },
    120_000,
  );
});

/** Between transactions there is no order but that of the ids; within one it is that of the calls. */
function expectOrderWithinTransactions(titles: string[]): void {
  const last = new Map<string, number>();
  for (const title of titles) {
    const [transaction, call] = title.split(', call ');
    if (transaction === undefined || call === undefined) continue;
    expect(Number(call)).toBeGreaterThan(last.get(transaction) ?? -1);
    last.set(transaction, Number(call));
  }
}

/** Lets others go first, a number of times. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

describe('Between replay and live', () => {
  test('nothing is missed: what is sent at the moment of connecting arrives without a sweep', async () => {
    const { crm } = await startApps(1, { sweepMs: 600_000 });
    // A replay that takes longer to read than what arrives meanwhile.
    const large = { type: 'test', title: 'missed', body: 'x'.repeat(5_000) };
    for (let i = 0; i < 10; i++) await crm.notifications.notify(RECIPIENTS, large);
    for (let round = 1; round <= 5; round++) {
      await Promise.all(
        RECIPIENTS.map(async (recipient) => {
          const client = new RoamingClient(recipient);
          const connected = client.connect(crm.url);
          // Now it is registered, and reads what it has missed.
          while (crm.notifications.connections(recipient) === 0) await turns(1);
          await crm.notifications.notify(recipient, { type: 'test', title: 'at this moment' });
          await connected;
          await client.finish(10 + round);
          expect(client.ids).toEqual(Array.from({ length: 10 + round }, (_, id) => id + 1));
        }),
      );
    }
  }, 120_000);
});

describe('A business transaction that has notified a user and stays open', () => {
  test('delays nobody: others notify that user, and the user reads, marks and removes, meanwhile', async () => {
    const { crm } = await startApps(1);
    const { notifications, dataSource } = crm;
    const client = await StreamClient.open(crm.url, await accessToken('user'));
    cleanup(() => client.close());
    const titles = () => client.of('message').map((frame) => frame.data.title);
    const notified = createGate();
    const commit = createGate();
    cleanup(commit.open);
    const business = dataSource.transaction(async (manager) => {
      await notifications.notify('user', { type: 'test', title: 'from the long transaction' }, { manager });
      notified.open();
      await commit.opened;
    });
    await notified.opened;

    // The transaction goes on only after all of these: whatever waited for it would never end.
    await notifications.notify('user', { type: 'test', title: 'direct' });
    await notifications.notify(['other', 'user'], { type: 'test', title: 'to several' });
    await dataSource.transaction((manager) =>
      notifications.notify('user', { type: 'test', title: 'from a short transaction' }, { manager }),
    );
    await client.until(() => titles().length === 3);
    expect(titles()).toEqual(['direct', 'to several', 'from a short transaction']);
    expect(await notifications.markRead('user', { upTo: 3 })).toMatchObject({ lastId: 3, unread: 0 });
    expect(await notifications.markUnread('user', [2])).toMatchObject({ unread: 1 });
    expect(await notifications.markRead('user', [2])).toMatchObject({ unread: 0 });
    expect(await notifications.remove('user', [1])).toMatchObject({ unread: 0, found: 1 });
    await notifications.broadcast({ type: 'test', title: 'to all' });
    await client.until(() => titles().includes('to all'));

    commit.open();
    await business;
    await client.until(() => titles().length === 5);
    expect(client.ids).toEqual([1, 2, 3, 4, 5]);
    expect(titles().at(-1)).toBe('from the long transaction');
    expect(await notifications.unreadCount('user')).toMatchObject({ lastId: 5, unread: 2 });
  });
});
