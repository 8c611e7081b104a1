import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { spawnTs } from '../support/run-ts.js';
import { StreamClient } from '../support/stream-client.js';

const RECIPIENTS = ['ann', 'ben', 'cem', 'dan', 'eva'];
const ROUNDS = 2;
const WRITERS_PER_ROUND = 2;

interface Writer {
  /** Titles of the direct notifications that it was told are delivered. */
  readonly acknowledged: string[];
  ready: Promise<void>;
  /** Kills it as a power cut would, and resolves when its last words have been read. */
  kill(): Promise<void>;
}

describe('Processes that are killed while they send', () => {
  let database: TestDatabase;
  let survivor: CrmApp;
  const running = new Set<Writer>();

  beforeAll(async () => {
    database = await createMigratedDatabase();
    await database.query('CREATE TABLE ledger (recipient text NOT NULL, title text PRIMARY KEY)');
    // Hints of the killed never come: the streams find what they have missed by themselves.
    survivor = await startCrmApp(database, { notifications: { sweepMs: 200 } });
  });

  afterAll(async () => {
    await Promise.all([...running].map((writer) => writer.kill()));
    await survivor.close();
    await database.drop();
  });

  function startWriter(name: string): Writer {
    const child = spawnTs(new URL('../support/interrupted-writer.ts', import.meta.url), [
      database.url,
      name,
      ...RECIPIENTS,
    ]);
    const acknowledged: string[] = [];
    const lines = createInterface({ input: child.stdout as NonNullable<typeof child.stdout> });
    const ended = Promise.all([once(child, 'exit'), once(lines, 'close')]);
    const ready = new Promise<void>((resolve, reject) => {
      lines.on('line', (line) => {
        if (line === 'ready') resolve();
        else acknowledged.push(line.replace('acknowledged ', ''));
      });
      child.once('exit', (code) => reject(new Error(`The writer ${name} ended by itself with code ${code}`)));
    });
    const writer: Writer = {
      acknowledged,
      ready,
      kill: async () => {
        child.kill('SIGKILL');
        await ended;
        running.delete(writer);
      },
    };
    running.add(writer);
    return writer;
  }

  test('what was committed is delivered by another instance, nothing else, and nothing twice', async () => {
    const clients = new Map<string, StreamClient>();
    for (const recipient of RECIPIENTS) {
      clients.set(recipient, await StreamClient.open(survivor.url, await accessToken(recipient)));
    }

    const acknowledged: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const writers = Array.from({ length: WRITERS_PER_ROUND }, (_, n) => startWriter(`${round}.${n}`));
      await Promise.all(writers.map((writer) => writer.ready));
      for (const writer of writers) {
        await eventually(() => expect(writer.acknowledged.length).toBeGreaterThan(0));
        // Any moment: in a transaction, between commit and wake-up, in the middle of a relay's batch.
        await sleep(Math.random() * 200);
        await writer.kill();
        acknowledged.push(...writer.acknowledged);
      }
    }

    // The sessions of the killed end, and then what they have left in the outbox is delivered.
    await eventually(
      async () => {
        const [left] = await database.query(`
          SELECT (SELECT count(*)::int FROM notifications.outbox) AS outbox,
            (SELECT count(*)::int FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle') AS busy`);
        expect(left).toEqual({ outbox: 0, busy: 1 });
      },
      { timeoutMs: 15_000 },
    );
    const ledger = await database.query('SELECT recipient, title FROM ledger');
    const stored = await database.query<{ recipient: string; id: number; title: string }>(`
      SELECT t.recipient_id AS recipient, t.id::int AS id, m.title
      FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id ORDER BY 1, 2`);
    const ofKind = (kind: string) => stored.filter(({ title }) => title.startsWith(kind));

    // What the ledger's transactions say, and exactly that.
    const pairs = (rows: { recipient?: string; title?: string }[]) =>
      rows.map((r) => `${r.recipient}: ${r.title}`).sort();
    expect(ledger.length).toBeGreaterThan(0);
    expect(pairs(ofKind('transaction'))).toEqual(pairs(ledger));
    // What was acknowledged is there; of what was under way the writer never knew, but it is there once at most.
    const direct = ofKind('direct').map(({ title }) => title);
    expect(new Set(direct).size).toBe(direct.length);
    expect(direct).toEqual(expect.arrayContaining(acknowledged));

    // Every stream of the survivor has it all, in order and once, with the true count.
    for (const [recipient, client] of clients) {
      const expected = stored.filter((item) => item.recipient === recipient);
      await client.until(() => client.ids.length >= expected.length);
      expect(client.of('message').map(({ data }) => ({ recipient, id: data.id, title: data.title }))).toEqual(expected);
      await client.until(() => client.of('state').at(-1)?.data.unread === expected.length);
      client.close();
    }
  }, 120_000);
});
