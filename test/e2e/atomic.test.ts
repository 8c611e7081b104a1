import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { EntityManager } from 'typeorm';
import { lockName } from '../../src/notifications/inbox/database.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { createGate } from '../support/gate.js';
import { inboxRows, tracesOf } from '../support/inbox-rows.js';
import { seeded } from '../support/random.js';
import { StreamClient } from '../support/stream-client.js';

const NO_TRACES = { messages: 0, items: 0, outbox: 0 };
const ROLLBACK = new Error('rolled back on purpose');

let database: TestDatabase;
const cleanup = useCleanup();

beforeAll(async () => {
  database = await createMigratedDatabase();
  await database.query('CREATE TABLE deal (name text PRIMARY KEY, owner text)');
});

afterAll(() => database.drop());

async function listen(crm: CrmApp, recipient: string): Promise<StreamClient> {
  const client = await StreamClient.open(crm.url, await accessToken(recipient), { lastEventId: 0 });
  cleanup(() => client.close());
  return client;
}

function titles(client: StreamClient): string[] {
  return client.of('message').map((frame) => frame.data.title);
}

async function receive(client: StreamClient, title: string): Promise<void> {
  await client.until(() => titles(client).includes(title));
}

describe.each(['read committed', 'repeatable read', 'serializable'])('Atomic, in a host of %s', (isolation) => {
  let crm: CrmApp;

  beforeAll(async () => {
    const options = `-c default_transaction_isolation=${isolation.replace(' ', '\\ ')}`;
    crm = await startCrmApp(database, { dataSource: { extra: { options } } });
    const [{ transaction_isolation }] = await crm.dataSource.query('SHOW transaction_isolation');
    expect(transaction_isolation).toBe(isolation);
  });

  afterAll(() => crm.close());

  const recipientOf = (name: string) => `${name}, ${isolation}`;

  function notify(manager: EntityManager | undefined, to: string, title: string) {
    return crm.notifications.notify(to, { type: 'deal.assigned', title }, { manager });
  }

  /** Sends through the outbox: once it is there, whatever was in the outbox before it would be there too. */
  async function fence(client: StreamClient, to: string): Promise<void> {
    const title = `fence ${titles(client).length}`;
    await crm.dataSource.transaction((manager) => notify(manager, to, title));
    await receive(client, title);
  }

  async function expectNothingOf(title: string, to: string, client: StreamClient): Promise<void> {
    await fence(client, to);
    expect(titles(client)).not.toContain(title);
    expect(await tracesOf(database, title)).toEqual(NO_TRACES);
    const { lastId, unread } = await crm.notifications.unreadCount(to);
    expect({ lastId, unread }).toEqual({ lastId: titles(client).length, unread: titles(client).length });
  }

  test('a rollback means nothing, ever: not stored, not streamed, not counted, not in the outbox', async () => {
    const to = recipientOf('rollback');
    const client = await listen(crm, to);
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO deal VALUES ($1)', [to]);
      expect((await notify(manager, to, `never ${to}`)).status).toBe('queued');
      throw ROLLBACK;
    });
    await expect(transaction).rejects.toBe(ROLLBACK);
    await expectNothingOf(`never ${to}`, to, client);
    expect(await database.query('SELECT FROM deal WHERE name = $1', [to])).toEqual([]);
  });

  test('a commit means delivered, and not before', async () => {
    const to = recipientOf('commit');
    const client = await listen(crm, to);
    const commit = createGate();
    cleanup(commit.open);
    const notified = createGate();
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO deal VALUES ($1)', [to]);
      await notify(manager, to, 'committed');
      notified.open();
      await commit.opened;
    });
    await notified.opened;
    await fence(client, to);
    expect(titles(client)).toEqual(['fence 0']);

    commit.open();
    await transaction;
    await receive(client, 'committed');
    expect(titles(client)).toEqual(['fence 0', 'committed']);
    expect(await database.query('SELECT name FROM deal WHERE name = $1', [to])).toHaveLength(1);
    expect(await crm.notifications.unreadCount(to)).toEqual({ lastId: 2, unread: 2, revision: 0 });
  });

  test('a savepoint that is rolled back takes its notifications with it, and those of the ones inside it', async () => {
    const to = recipientOf('savepoint');
    const client = await listen(crm, to);
    await crm.dataSource.transaction(async (manager) => {
      await notify(manager, to, 'before');
      const savepoint = manager.transaction(async (inner) => {
        await notify(inner, to, `lost ${to}`);
        await inner.transaction((innermost) => notify(innermost, to, `lost too ${to}`));
        throw ROLLBACK;
      });
      await expect(savepoint).rejects.toBe(ROLLBACK);
      await manager.transaction((inner) => notify(inner, to, 'kept'));
      await notify(manager, to, 'after');
    });
    await expectNothingOf(`lost ${to}`, to, client);
    expect(await tracesOf(database, `lost too ${to}`)).toEqual(NO_TRACES);
    expect(titles(client).slice(0, 3)).toEqual(['before', 'kept', 'after']);
  });

  test('a savepoint that is released delivers with the commit around it, and not before', async () => {
    const to = recipientOf('released');
    const client = await listen(crm, to);
    const commit = createGate();
    cleanup(commit.open);
    const released = createGate();
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.transaction((inner) => notify(inner, to, 'released'));
      released.open();
      await commit.opened;
    });
    await released.opened;
    await fence(client, to);
    expect(titles(client)).toEqual(['fence 0']);
    commit.open();
    await transaction;
    await receive(client, 'released');
  });

  test('a savepoint that is released in a transaction that rolls back means nothing', async () => {
    const to = recipientOf('released, rolled back');
    const client = await listen(crm, to);
    const transaction = crm.dataSource.transaction(async (manager) => {
      await manager.transaction((inner) => notify(inner, to, `never ${to}`));
      throw ROLLBACK;
    });
    await expect(transaction).rejects.toBe(ROLLBACK);
    await expectNothingOf(`never ${to}`, to, client);
  });

  test('a transaction whose connection is cut leaves nothing', async () => {
    const to = recipientOf('crash');
    const client = await listen(crm, to);
    const transaction = crm.dataSource.transaction(async (manager) => {
      await notify(manager, to, `never ${to}`);
      const [{ pid }] = await manager.query('SELECT pg_backend_pid() AS pid');
      await database.query('SELECT pg_terminate_backend($1)', [pid]);
      await eventually(async () =>
        expect(await database.query('SELECT FROM pg_stat_activity WHERE pid = $1', [pid])).toEqual([]),
      );
    });
    await expect(transaction).rejects.toThrow();
    await expectNothingOf(`never ${to}`, to, client);
  });

  test('several calls in one transaction arrive in their order', async () => {
    const to = recipientOf('order');
    const client = await listen(crm, to);
    const expected = Array.from({ length: 20 }, (_, index) => `call ${index}`);
    await crm.dataSource.transaction(async (manager) => {
      for (const title of expected) await notify(manager, to, title);
    });
    await receive(client, 'call 19');
    expect(titles(client)).toEqual(expected);
    expect(client.ids).toEqual(expected.map((_, index) => index + 1));
  });

  test('a manager without a transaction sends at once', async () => {
    const to = recipientOf('no transaction');
    const client = await listen(crm, to);
    expect((await notify(crm.dataSource.manager, to, 'at once')).status).toBe('queued');
    await receive(client, 'at once');
  });

  test('of many transactions at once, exactly the committed ones are delivered', async () => {
    await seeded(async (random) => {
      const to = recipientOf('many');
      const client = await listen(crm, to);
      const transactions = Array.from({ length: 150 }, (_, index) => ({
        title: `${random.chance(0.5) ? 'committed' : 'rolled back'} ${index}, ${to}`,
      }));
      const results = await Promise.allSettled(
        transactions.map(({ title }) =>
          crm.dataSource.transaction(async (manager) => {
            await notify(manager, to, title);
            if (title.startsWith('rolled back')) throw ROLLBACK;
          }),
        ),
      );
      const committed = transactions.filter((_, index) => results[index]?.status === 'fulfilled');
      const expected = committed.map(({ title }) => title).sort();
      expect(expected.every((title) => title.startsWith('committed'))).toBe(true);
      await client.until(() => titles(client).length >= expected.length);
      await fence(client, to);
      expect(titles(client).slice(0, -1).sort()).toEqual(expected);
      const left = await database.query(`SELECT FROM notifications.outbox WHERE payload ->> 'title' LIKE $1`, [
        `%${to}`,
      ]);
      expect(left).toEqual([]);
    });
  });
});

describe('Atomic, with several instances', () => {
  test('what was committed is delivered by another instance when the one that took it is closed', async () => {
    const b = await startCrmApp(database);
    cleanup(() => b.close());
    const a = await startCrmApp(database);
    const client = await listen(b, 'heir');
    // Stands for an instance that is relaying at this moment: A can't deliver before it is closed.
    const relaying = b.dataSource.createQueryRunner();
    const key = lockName('notifications', 'relay');
    await relaying.query('SELECT pg_advisory_lock(hashtextextended(current_database() || $1, 0))', [key]);
    try {
      await a.dataSource.transaction(async (manager) => {
        await a.notifications.notify('heir', { type: 'deal.assigned', title: 'inherited' }, { manager });
      });
      const rollback = a.dataSource.transaction(async (manager) => {
        await a.notifications.notify('heir', { type: 'deal.assigned', title: 'disinherited' }, { manager });
        throw ROLLBACK;
      });
      await expect(rollback).rejects.toBe(ROLLBACK);
      await a.close();
      expect(await tracesOf(database, 'inherited')).toEqual({ messages: 0, items: 0, outbox: 1 });
    } finally {
      await relaying.query('SELECT pg_advisory_unlock_all()');
      await relaying.release();
    }
    await receive(client, 'inherited');
    expect(await tracesOf(database, 'inherited')).toEqual({ messages: 1, items: 1, outbox: 0 });
    expect(await tracesOf(database, 'disinherited')).toEqual(NO_TRACES);
    expect(await inboxRows(database, 'heir')).toMatchObject([{ lastId: 1, unread: 1, ids: [1] }]);
  });
});
