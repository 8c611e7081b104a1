import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { DirectDelivery } from '../../src/notifications/inbox/direct-delivery.js';
import { NotificationsDataSource } from '../../src/notifications/index.js';
import { uuidV7 } from '../../src/notifications/uuid-v7.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

const cleanup = useCleanup();
let database: TestDatabase;
let own: NotificationsDataSource;
let delivery: DirectDelivery;
let settled: string[];

beforeAll(async () => {
  database = await createMigratedDatabase();
  own = new NotificationsDataSource({ type: 'postgres', url: database.url });
  await own.initialize();
  delivery = new DirectDelivery(own);
});

beforeEach(async () => {
  await database.query('TRUNCATE notifications.inbox, notifications.inbox_item, notifications.message');
  settled = [];
});

afterAll(async () => {
  await delivery.close();
  await own.destroy();
  await database.drop();
});

async function deliver(title: string, recipients: string[], idempotencyKey?: string): Promise<string | null> {
  const { existing } = await delivery.deliver({ id: uuidV7(), type: 'test', title, recipients, idempotencyKey });
  settled.push(title);
  return existing;
}

async function titles(recipient: string): Promise<string[]> {
  const rows = await database.query<{ title: string }>(
    `SELECT m.title FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id
     WHERE t.recipient_id = $1 ORDER BY t.id`,
    [recipient],
  );
  return rows.map((row) => row.title);
}

/** Locks an inbox, as a slow "mark all read" would. @returns gives it free. */
async function lockInbox(recipient: string): Promise<() => Promise<void>> {
  const client = new pg.Client({ connectionString: database.url });
  cleanup(() => client.end());
  await client.connect();
  await client.query('BEGIN');
  await client.query('SELECT FROM notifications.inbox WHERE recipient_id = $1 FOR UPDATE', [recipient]);
  return async () => void (await client.query('COMMIT'));
}

/** Waits until so many statements of a delivery wait for a lock. */
async function blocked(count: number): Promise<void> {
  await eventually(async () => {
    const rows = await database.query(
      `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    );
    expect(rows).toHaveLength(count);
  });
}

test('a slow inbox holds up those that get the same message, and no others', async () => {
  await deliver('first', ['slow']);
  const release = await lockInbox('slow');
  const held = deliver('held', ['slow']);
  await blocked(1);
  const calls = [
    deliver('behind it', ['slow']),
    deliver('behind that', ['slow', 'other']),
    deliver('after those', ['other']),
    deliver('elsewhere', ['free']),
  ];
  await calls[3];
  expect(settled).toEqual(['first', 'elsewhere']);
  // Nor does what comes now overtake what stays behind.
  const later = deliver('later', ['slow']);
  await deliver('elsewhere again', ['free']);
  expect(settled).toEqual(['first', 'elsewhere', 'elsewhere again']);
  await blocked(1);

  await release();
  await Promise.all([held, ...calls, later]);
  expect(await titles('slow')).toEqual(['first', 'held', 'behind it', 'behind that', 'later']);
  expect(await titles('other')).toEqual(['behind that', 'after those']);
});

test('of two calls with one key the first is delivered, whatever the second could overtake', async () => {
  await deliver('first', ['slow']);
  const release = await lockInbox('slow');
  const original = deliver('original', ['slow'], 'key');
  await blocked(1);
  const duplicate = deliver('duplicate', ['free'], 'key');
  await deliver('elsewhere', ['another']);
  expect(settled).toEqual(['first', 'elsewhere']);

  await release();
  expect(await original).toBeNull();
  expect(await duplicate).toMatch(/^[0-9a-f-]{36}$/);
  expect(await titles('free')).toEqual([]);
});

test('calls that nobody awaits arrive in their order, in every inbox', async () => {
  const recipients = Array.from({ length: 7 }, (_, i) => `recipient ${i}`);
  const calls: Promise<unknown>[] = [];
  const expected = new Map<string, string[]>(recipients.map((recipient) => [recipient, []]));
  for (let n = 0; n < 700; n++) {
    const to = recipients.filter((_, i) => n % (i + 2) === 0);
    if (to.length === 0) continue;
    calls.push(deliver(`${n}`, to));
    for (const recipient of to) expected.get(recipient)?.push(`${n}`);
    // Now and then a batch leaves, so that others are waiting while it is under way.
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all(calls);
  for (const [recipient, all] of expected) expect(await titles(recipient)).toEqual(all);
});

test('closing waits for all that was taken on', async () => {
  const closing = new DirectDelivery(own);
  const calls = Array.from({ length: 40 }, (_, n) =>
    closing.deliver({ id: uuidV7(), type: 'test', title: `${n}`, recipients: [`recipient ${n % 3}`] }),
  );
  await closing.close();
  expect(await Promise.all(calls)).toEqual(calls.map(() => ({ existing: null })));
  await expect(closing.deliver({ id: uuidV7(), type: 'test', title: 'late', recipients: ['one'] })).rejects.toThrow(
    'shutting down',
  );
});
