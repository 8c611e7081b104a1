import { isDeepStrictEqual } from 'node:util';
import { Logger } from '@nestjs/common';
import fc from 'fast-check';
import pg from 'pg';
import type { Payload } from '../../../src/notifications/payload.js';
import { startCrmApp } from '../../support/crm-app.js';
import { eventually } from '../../support/eventually.js';
import { startPrivatePostgres } from '../../support/postgres-server.js';
import { expect } from '../expect.js';
import type { FuzzTarget } from '../target.js';
import { accepted, payload, payloadText } from './payload.js';

const ROWS = 25;
const TABLES = ['message', 'inbox', 'inbox_item', 'broadcast', 'broadcast_counter', 'outbox'];

const broadcast = payload.map(({ recipients: _, ...rest }) => JSON.stringify({ ...rest, kind: 'broadcast' }));
const rows = fc.array(
  fc.record({
    id: fc.uuid(),
    text: fc.oneof({ weight: 9, arbitrary: payloadText }, { weight: 1, arbitrary: broadcast }),
  }),
  { minLength: 1, maxLength: ROWS },
);

/**
 * Whatever other programs write into the outbox: through Postgres' jsonb and the relay of a real application. What
 * checkPayload() accepts is delivered as it is, what it refuses is not, and neither stops what comes after it.
 */
export const outboxTarget: FuzzTarget = {
  name: 'rows of the outbox, delivered',
  runs: 12,
  shrinks: false,
  open: async () => {
    const server = await startPrivatePostgres();
    const crm = await startCrmApp({ url: server.url }, { notifications: { retention: null } });
    // Every bad row is logged.
    Logger.overrideLogger(false);
    const client = new pg.Client({ connectionString: server.url });
    await client.connect();
    const query = async (sql: string, values?: unknown[]) => (await client.query(sql, values)).rows;

    /** @returns what is to come of it; undefined if nothing is, because Postgres or the limits refuse it. */
    const insert = async ({ id, text }: { id: string; text: string }): Promise<Payload | undefined> => {
      // By its id it is found again.
      const sql = `INSERT INTO notifications.outbox (payload)
        SELECT CASE jsonb_typeof(p) WHEN 'object' THEN p || jsonb_build_object('id', $2::text) ELSE p END
        FROM (SELECT $1::jsonb) t(p) RETURNING payload::text`;
      await query('SAVEPOINT one_row');
      try {
        const [row] = await query(sql, [text, id]);
        return accepted(JSON.parse(row.payload));
      } catch (error) {
        if (!/^2[23]/.test((error as { code?: string }).code ?? '')) throw error;
        await query('ROLLBACK TO one_row');
        return undefined;
      }
    };

    const property = fc.asyncProperty(rows, async (given) => {
      await query(`TRUNCATE ${TABLES.map((table) => `notifications.${table}`).join(', ')}`);
      const wanted = new Map<string, Payload>();
      const keys = new Set<string>();
      await query('BEGIN');
      for (const row of given) {
        const payload = await insert(row);
        if (!payload || wanted.has(row.id)) continue;
        const key = JSON.stringify([payload.tenant ?? '', payload.idempotencyKey]);
        if (payload.idempotencyKey && keys.has(key)) continue;
        keys.add(key);
        wanted.set(row.id, payload);
      }
      await query('COMMIT');
      await crm.dataSource.transaction((manager) =>
        crm.notifications.notify('sentinel', { type: 't', title: 'sentinel' }, { manager }),
      );
      await eventually(
        async () => {
          const [{ n }] = await query('SELECT count(*)::int AS n FROM notifications.message');
          expect(n >= wanted.size + 1, 'all is delivered', n, wanted.size);
        },
        { timeoutMs: 10_000 },
      );
      await expectStored(wanted, query);
    });
    const close = async () => {
      await client.end();
      await crm.close();
      await server.dispose();
    };
    return { property: property as never, close };
  },
};

type Query = (sql: string, values?: unknown[]) => Promise<Record<string, unknown>[]>;

async function expectStored(wanted: Map<string, Payload>, query: Query): Promise<void> {
  const stored = await query(`
    SELECT m.*, m.data::text AS json, coalesce(m.expires_at <= now(), false) AS expired,
      (SELECT count(*)::int FROM notifications.inbox_item t WHERE t.message_id = m.id) AS items,
      (SELECT count(*)::int FROM notifications.broadcast b WHERE b.message_id = m.id) AS broadcasts
    FROM notifications.message m WHERE title <> 'sentinel'`);
  expect(stored.length === wanted.size, 'nothing else is', stored.length, wanted.size);
  for (const row of stored) {
    const payload = wanted.get(row.id as string);
    expect(payload !== undefined, 'only what is accepted', row.id);
    const { tenant = '', type, title, body = null, url = null, data = {}, idempotencyKey = null } = payload;
    const told = [row.tenant_id, row.type, row.title, row.body, row.url, row.idempotency_key];
    expect(isDeepStrictEqual(told, [tenant, type, title, body, url, idempotencyKey]), 'unchanged', told, payload);
    expect(isDeepStrictEqual(JSON.parse(row.json as string), data), 'data unchanged', row.json, payload.data);
    const expiresAt = payload.expiresAt ? Date.parse(payload.expiresAt) : null;
    expect(
      (row.expires_at as Date | null)?.getTime() === (expiresAt ?? undefined),
      'expiry',
      row.expires_at,
      expiresAt,
    );
    const recipients = payload.kind === 'broadcast' || row.expired ? 0 : new Set(payload.recipients).size;
    // What has just expired may be gone already.
    expect(row.items === recipients, 'an item each', row.items, recipients);
    expect(row.broadcasts === (payload.kind === 'broadcast' ? 1 : 0), 'one broadcast', row.broadcasts);
  }
  const wrong = await query(`
    SELECT FROM notifications.inbox i WHERE unread <> (
      SELECT count(*) FROM notifications.inbox_item t WHERE (t.tenant_id, t.recipient_id) = (i.tenant_id, i.recipient_id))`);
  expect(wrong.length === 0, 'counters');
}
