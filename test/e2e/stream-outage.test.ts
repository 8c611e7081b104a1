import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { ADAPTERS } from '../support/adapters.js';
import { accessToken, type CrmApp, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { type PrivatePostgres, startPrivatePostgres } from '../support/postgres-server.js';
import { StreamClient } from '../support/stream-client.js';

describe.each(ADAPTERS)('While Postgres is away, on %s', (_, adapter) => {
  let server: PrivatePostgres;
  let crm: CrmApp;
  let token: string;
  const rejections: unknown[] = [];
  const onRejection = (reason: unknown) => void rejections.push(reason);

  beforeAll(async () => {
    process.on('unhandledRejection', onRejection);
    process.on('uncaughtExceptionMonitor', onRejection);
    server = await startPrivatePostgres();
    crm = await startCrmApp(server, { adapter: adapter(), notifications: { sweepMs: 200 } });
    token = await accessToken('ann');
  }, 60_000);

  beforeEach(() => {
    rejections.length = 0;
  });

  afterEach(() => {
    expect(rejections).toEqual([]);
  });

  afterAll(async () => {
    await crm.close();
    await server.dispose();
    process.off('unhandledRejection', onRejection);
    process.off('uncaughtExceptionMonitor', onRejection);
  });

  /** The pool has noticed that Postgres is back. */
  async function notifyAgain(title: string): Promise<void> {
    await eventually(() => crm.notifications.notify('ann', { type: 't', title }), { timeoutMs: 10_000 });
  }

  function titles(client: StreamClient): string[] {
    return client.of('message').map(({ data }) => data.title);
  }

  function expectNoErrorFrame(client: StreamClient): void {
    const types = ['ready', 'message', 'state', 'ping', 'close'];
    expect(client.frames.filter(({ event }) => !types.includes(event))).toEqual([]);
  }

  test.each(['immediate', 'fast'] as const)(
    'stopped (%s) and started again: streams stay open, and everything goes on',
    async (mode) => {
      const staying = await StreamClient.open(crm.url, token);
      await notifyAgain('before');
      await staying.until(() => titles(staying).includes('before'));

      await server.stop(mode);
      await expect(crm.notifications.notify('ann', { type: 't', title: 'lost' })).rejects.toMatchObject({
        name: 'NotificationsError',
        code: 'DATABASE_UNAVAILABLE',
      });
      for (const call of [
        () => crm.notifications.list('ann'),
        () => crm.notifications.unreadCount('ann'),
        () => crm.notifications.markRead('ann', [1]),
        () => crm.notifications.disconnect('ann'),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
      }

      // With normal credentials a stream opens, and waits; a stream token can't be checked.
      const waiting = new StreamClient(`${crm.url}/notifications/stream`, {
        headers: { authorization: `Bearer ${token}`, 'last-event-id': '0' },
      });
      await waiting.until(() => waiting.status !== undefined);
      expect([waiting.status, waiting.ended]).toEqual([200, false]);
      expect(crm.notifications.connections('ann')).toBe(2);
      const issuing = await fetch(`${crm.url}/notifications/stream-token`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
      });
      expect(issuing.status).toBe(503);
      expect(await issuing.text()).not.toMatch(/127\.0\.0\.1|ECONN|postgres/i);

      await server.start();
      await notifyAgain('after');
      await staying.until(() => titles(staying).includes('after'), 15_000);
      await waiting.until(() => titles(waiting).includes('after'), 15_000);
      for (const client of [staying, waiting]) {
        expectNoErrorFrame(client);
        expect(titles(client)).not.toContain('lost');
        expect(client.ended).toBe(false);
        client.close();
      }
      const { ids } = waiting;
      expect(ids).toEqual(ids.map((__, i) => i + 1));
      expect(waiting.frames[0]?.event).toBe('ready');
    },
    60_000,
  );

  test('what was stored by somebody else just before and after comes by cursor, with every hint lost', async () => {
    const other = await startCrmApp(server);
    const client = await StreamClient.open(crm.url, token);
    const before = client.of('ready')[0]?.data.lastId as number;
    await other.notifications.notify('ann', { type: 't', title: 'just before' });
    await server.stop('immediate');
    await server.start();
    await eventually(() => other.notifications.notify('ann', { type: 't', title: 'just after' }), {
      timeoutMs: 10_000,
    });
    await client.until(() => titles(client).includes('just after'), 15_000);
    const { lastId } = await other.notifications.unreadCount('ann');
    expect(client.ids).toEqual(Array.from({ length: lastId - before }, (__, i) => before + 1 + i));
    expectNoErrorFrame(client);
    client.close();
    await other.close();
  }, 60_000);

  test('a stream token gets a clean 503, and opens a stream once Postgres is back', async () => {
    const issuing = await fetch(`${crm.url}/notifications/stream-token`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    const { token: bearer } = (await issuing.json()) as { token: string };
    const url = `${crm.url}/notifications/stream?token=${bearer}`;
    await server.stop('immediate');
    const refused = new StreamClient(url);
    await refused.until(() => refused.ended);
    expect([refused.status, refused.frames, refused.headers['retry-after']]).toEqual([503, [], '5']);
    expect(refused.body).not.toMatch(/127\.0\.0\.1|ECONN|postgres/i);
    await server.start();
    const client = await eventually(async () => {
      const opened = new StreamClient(url);
      await opened.until(() => opened.of('ready').length > 0 || opened.ended);
      expect(opened.status).toBe(200);
      return opened;
    });
    client.close();
  }, 60_000);

  test('it can be shut down, and tells its streams', async () => {
    const doomed = await startCrmApp(server, { adapter: adapter() });
    const clients = await Promise.all([StreamClient.open(doomed.url, token), StreamClient.open(doomed.url, token)]);
    await server.stop('immediate');
    try {
      await doomed.close();
      for (const client of clients) {
        await client.until(() => client.ended);
        expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown' } });
      }
    } finally {
      await server.start();
      await notifyAgain('again');
    }
  }, 60_000);
});
