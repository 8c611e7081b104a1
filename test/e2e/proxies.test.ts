import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Controller, Get } from '@nestjs/common';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { cutStreams } from '../support/cut-streams.js';
import type { TestDatabase } from '../support/database.js';
import { startDocumentedHaproxy, startDocumentedNginx } from '../support/documented-proxy.js';
import { eventually } from '../support/eventually.js';
import { Http2Client, type Http2Stream } from '../support/http2-stream-client.js';
import { findService } from '../support/services.js';
import { skipFor } from '../support/skip-for.js';

const STREAM = '/notifications/stream';
/** A third of the proxies' timeout, as documented. */
const HEARTBEAT_MS = 333;

const PROXIES = [
  { name: 'nginx', start: startDocumentedNginx, found: await findService('nginx') },
  { name: 'haproxy', start: startDocumentedHaproxy, found: await findService('haproxy') },
] as const;

@Controller('health')
class HealthController {
  @Get()
  health(): string {
    return 'ok';
  }
}

describe.each(PROXIES)('Two instances behind $name, as operations.md has it', ({ name, start, found }) => {
  const { binary } = found;
  if (!binary) return skipFor(name, `Two instances behind ${name}`, found);
  const cleanup = useCleanup();
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  async function startInstance(heartbeatMs: number): Promise<CrmApp> {
    const crm = await startCrmApp(database, { notifications: { heartbeatMs }, controllers: [HealthController] });
    cleanup(() => crm.close());
    return crm;
  }

  async function startBehindProxy(heartbeatMs = HEARTBEAT_MS) {
    const instances = [await startInstance(heartbeatMs), await startInstance(heartbeatMs)] as const;
    const ports = instances.map(({ url }) => Number(new URL(url).port));
    const proxy = await start(binary as string, ports);
    cleanup(() => proxy.stop());
    const client = await Http2Client.connect(proxy.url, proxy.ca);
    cleanup(() => client.close());
    return { instances, proxy, client };
  }

  async function open(client: Http2Client, path: string, token: string, lastEventId?: string): Promise<Http2Stream> {
    const stream = client.open(path, token, lastEventId === undefined ? {} : { 'last-event-id': lastEventId });
    await stream.until(() => stream.of('ready').length === 1);
    return stream;
  }

  test('what is sent comes at once, over HTTP/2, and streams are spread over both', async () => {
    // No ping pushes anything out of a buffer.
    const { instances, client } = await startBehindProxy(20_000);
    const token = await accessToken('ann');
    const streams = [await open(client, STREAM, token), await open(client, STREAM, token)];
    expect(instances.map((crm) => crm.notifications.connections())).toEqual([1, 1]);
    for (const id of [1, 2, 3]) {
      await instances[0].notifications.notify('ann', { type: 't', title: `${id}` });
      for (const stream of streams) await stream.until(() => stream.ids.length === id);
    }
  });

  test('pings keep an idle stream open beyond the timeout, which cuts off one without', async () => {
    const { client } = await startBehindProxy();
    const idle = await open(client, STREAM, await accessToken('idle'));

    const without = await startBehindProxy(60_000);
    const silent = await open(without.client, STREAM, await accessToken('silent'));
    await silent.until(() => silent.ended);
    expect(silent.frames.map(({ event }) => event)).toEqual(['ready']);

    await idle.until(() => idle.of('ping').length >= 9);
    expect(idle.ended).toBe(false);
  });

  test('clients of an instance that stops go on at the other one, with nothing lost', async () => {
    const { instances, client } = await startBehindProxy();
    const [one, two] = instances;
    const token = await accessToken('bob');
    const streams = [await open(client, STREAM, token), await open(client, STREAM, token)];
    await two.notifications.notify('bob', { type: 't', title: '1' });
    for (const stream of streams) await stream.until(() => stream.ids.length === 1);

    const closing = one.close();
    await two.notifications.notify('bob', { type: 't', title: '2' });
    await eventually(() => expect(streams.filter((stream) => stream.ended)).toHaveLength(1));
    const [moved] = streams.filter((stream) => stream.ended) as [Http2Stream];
    expect(moved.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown', reconnect: true } });
    await closing;
    await two.notifications.notify('bob', { type: 't', title: '3' });

    const again = await open(client, STREAM, token, moved.frames.at(-1)?.id);
    await two.notifications.notify('bob', { type: 't', title: '4' });
    await again.until(() => again.ids.at(-1) === 4);
    expect([...moved.ids, ...again.ids]).toEqual([1, 2, 3, 4]);
    expect(two.notifications.connections()).toBe(2);
  });

  test('no log holds the token of a stream, not even when its instance fails', async () => {
    const { instances, client, proxy } = await startBehindProxy();
    const token = await streamToken(instances[0], 'eve');
    const stream = client.open(`${STREAM}?token=${token}`, 'none');
    await stream.until(() => stream.of('ready').length === 1);
    for (const { app } of instances) cutStreams(app, 'eve');
    await stream.until(() => stream.ended);
    await eventually(() => expect(proxy.logs()).toContain(STREAM));
    expect(proxy.logs()).not.toContain('token');
    expect(proxy.logs()).not.toContain(token.slice(0, 20));
  });
});

async function streamToken({ url }: CrmApp, user: string): Promise<string> {
  const headers = { authorization: `Bearer ${await accessToken(user)}` };
  const answer = await fetch(`${url}/notifications/stream-token`, { method: 'POST', headers });
  const { token } = (await answer.json()) as { token: string };
  return token;
}
