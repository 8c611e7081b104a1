import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { spawnTs } from '../support/run-ts.js';
import { startTcpProxy } from '../support/tcp-proxy.js';

const HOST = new URL('../support/shutdown-host.ts', import.meta.url);
/** The promise: from SIGTERM to the end of the process, whatever hangs. */
const BOUND_MS = 5_000;

interface Answer {
  status: number;
  body: { code?: string };
}

describe.each(['express', 'fastify'])(
  'SIGTERM to a host on %s ends it within 5 s',
  (adapter) => {
    const onEnd = useCleanup();
    let database: TestDatabase;

    beforeAll(async () => {
      database = await createMigratedDatabase();
    });

    afterAll(() => database.drop());

    async function startHost(moduleUrl = database.url) {
      const child: ChildProcess = spawnTs(HOST, [database.url, moduleUrl, adapter]);
      onEnd(async () => {
        if (child.exitCode !== null || child.signalCode !== null) return;
        child.kill('SIGKILL');
        await once(child, 'exit');
      });
      const lines = createInterface({ input: child.stdout as Readable });
      const [address] = await once(lines, 'line');
      let requests = 0;
      lines.on('line', () => {
        requests += 1;
      });
      const { port } = new URL(address);
      // Keeps its connections, as proxies do.
      const agent = new Agent({ keepAlive: true });
      onEnd(() => agent.destroy());
      /** The answer, or null where the connection ended without one. */
      const call = (user: string, method: string, path: string, body?: object): Promise<Answer | null> =>
        new Promise((resolve) => {
          const headers = { 'X-User': user, ...(body && { 'Content-Type': 'application/json' }) };
          const sent = request({ host: '127.0.0.1', port, method, path, agent, headers }, (response) => {
            void json(response).then((answer) =>
              resolve({ status: response.statusCode as number, body: answer as object }),
            );
          });
          sent.on('error', () => resolve(null));
          sent.end(body && JSON.stringify(body));
        });
      const open = async (text: string): Promise<Socket> => {
        const socket = connect(Number(port), '127.0.0.1');
        onEnd(() => socket.destroy());
        socket.on('error', () => undefined);
        await once(socket, 'connect');
        if (text) socket.write(text);
        return socket;
      };
      const terminate = async (): Promise<void> => {
        const began = performance.now();
        child.kill('SIGTERM');
        const [code, signal] = await once(child, 'exit');
        expect({ code, signal }).toEqual({ code: null, signal: 'SIGTERM' });
        expect(performance.now() - began).toBeLessThan(BOUND_MS);
      };
      return { call, open, terminate, requests: () => requests };
    }

    /** A transaction of somebody else, which holds what `sql` locks until the test ends. */
    async function lock(sql: string): Promise<{ release(): Promise<void> }> {
      const client = new pg.Client(database.url);
      await client.connect();
      let isOpen = true;
      const release = async () => {
        if (!isOpen) return;
        isOpen = false;
        await client.end();
      };
      onEnd(release);
      await client.query('BEGIN');
      await client.query(sql);
      return { release };
    }

    const waitForLock = () =>
      eventually(async () => {
        const waiting = await database.query(
          "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()",
        );
        expect(waiting.length).toBeGreaterThanOrEqual(1);
      });

    const unread = async (user: string) => {
      const [row] = await database.query('SELECT unread FROM notifications.inbox WHERE recipient_id = $1', [user]);
      return row?.unread;
    };

    test('while calls wait for a locked inbox: they are refused, and none happens later', async () => {
      const host = await startHost();
      await host.call('ann', 'POST', '/send', { to: 'ann' });
      const { release } = await lock("UPDATE notifications.inbox SET unread = unread WHERE recipient_id = 'ann'");
      const mark = host.call('ann', 'PATCH', '/notifications/1', { read: true });
      const send = host.call('ann', 'POST', '/send', { to: 'ann' });
      await waitForLock();
      await host.terminate();
      expect((await mark)?.status).toBe(503);
      expect(await send).toEqual({ status: 503, body: { code: 'CLOSED' } });
      await release();
      await eventually(async () => {
        const ours = await database.query(
          "SELECT FROM pg_stat_activity WHERE application_name LIKE '%notifications%' AND datname = current_database()",
        );
        expect(ours).toEqual([]);
      });
      expect(await unread('ann')).toBe(1);
    });

    test('while the relay, the purge and a list wait for locked tables', async () => {
      const host = await startHost();
      await lock('LOCK TABLE notifications.outbox, notifications.inbox_item, notifications.instance');
      const list = host.call('ben', 'GET', '/notifications');
      await eventually(() => expect(host.requests()).toBe(1));
      await waitForLock();
      await host.terminate();
      expect((await list)?.status).toBe(503);
    });

    test('while Postgres has gone silent', async () => {
      const proxy = await startTcpProxy(Number(new URL(database.url).port));
      onEnd(() => proxy.close());
      const url = new URL(database.url);
      url.host = `127.0.0.1:${proxy.port}`;
      const host = await startHost(url.href);
      expect((await host.call('cat', 'GET', '/notifications'))?.status).toBe(200);
      proxy.silence('all');
      const calls = [
        host.call('cat', 'GET', '/notifications'),
        host.call('cat', 'POST', '/notifications/stream-token'),
        // More than the pool has connections: some wait for one.
        ...Array.from({ length: 8 }, (_, i) => host.call('cat', 'PATCH', `/notifications/${i}`, { read: true })),
        host.call('cat', 'POST', '/send', { to: 'cat' }),
      ];
      await host.open('GET /notifications/stream HTTP/1.1\r\nHost: x\r\nX-User: cat\r\n\r\n');
      await eventually(() => expect(host.requests()).toBe(1 + calls.length + 1));
      await host.terminate();
      // Of one recipient more than four wait for two seconds only.
      for (const answer of await Promise.all(calls)) expect([503, 429]).toContain(answer?.status);
    });

    test('while clients keep connections, send nothing, or do not read what they asked for', async () => {
      const host = await startHost();
      await database.query(
        `WITH i AS (
         INSERT INTO notifications.inbox (recipient_id, last_id, unread, broadcast_position) VALUES ('dan', 100, 100, 0)),
       m AS (INSERT INTO notifications.message (type, title, body) SELECT 't', 'T', repeat('好', 10000)
         FROM generate_series(1, 100) RETURNING id)
       INSERT INTO notifications.inbox_item (recipient_id, id, message_id) SELECT 'dan', row_number() OVER (), id FROM m
       ON CONFLICT DO NOTHING`,
      );
      await host.open('');
      await host.call('dan', 'GET', '/notifications');
      const head = 'HTTP/1.1\r\nHost: x\r\nX-User: dan\r\n';
      for (const ask of [
        `GET /notifications?limit=100 ${head}\r\n`,
        `GET /notifications/stream ${head}Last-Event-ID: 0\r\n\r\n`,
      ]) {
        const socket = await host.open('');
        socket.pause();
        // Several megabytes, more than the kernel takes.
        socket.write(ask.repeat(4));
        await eventually(() => expect(socket.bytesRead).toBeGreaterThan(0));
      }
      await host.terminate();
    });
  },
  60_000,
);
