import { get } from 'node:https';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DataSource } from 'typeorm';
import { NotificationsModule, type NotificationsOptions } from '../../src/notifications/index.js';
import { accessToken, createMigratedDatabase, JWT_SECRET } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { type HostApp, startHost } from '../support/host-app.js';
import { Http2Client } from '../support/http2-stream-client.js';

const PATH = '/notifications/stream';
/** With these Nest would cut off a client that it has to queue for: it takes 4 MiB. */
const MANY = 500;
const LARGE = 'x'.repeat(10_000);

describe('A host on HTTP/2 (Fastify, TLS)', () => {
  let database: TestDatabase;
  let host: HostApp;
  let client: Http2Client;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  beforeEach(() => start({ slowClientMs: 60_000 }));

  afterEach(async () => {
    client.close();
    await host.close();
  });

  async function start(options: Partial<NotificationsOptions>): Promise<void> {
    const dataSource = new DataSource({ type: 'postgres', url: database.url });
    const notifications = NotificationsModule.forRoot({
      ...options,
      dataSource,
      jwt: { secret: JWT_SECRET },
      heartbeatMs: 400,
    });
    host = await startHost({ imports: [notifications] }, { adapter: 'fastify-http2' });
    client = await Http2Client.connect(host.url, host.ca);
  }

  async function fill(recipient: string): Promise<number[]> {
    const sent = Array.from({ length: MANY }, (_, i) =>
      host.notifications.notify(recipient, { type: 't', title: `${i}`, body: LARGE, data: { LARGE } }),
    );
    await Promise.all(sent);
    return Array.from({ length: MANY }, (_, i) => i + 1);
  }

  test('several streams share a connection, and each gets its own', async () => {
    const names = ['ann', 'ben', 'cem'];
    const streams = await Promise.all(names.map(async (name) => client.open(PATH, await accessToken(name))));
    for (const stream of streams) await stream.until(() => stream.of('ready').length === 1);
    expect(streams.map((stream) => stream.status)).toEqual([200, 200, 200]);
    expect(host.notifications.connections()).toBe(3);

    await Promise.all(names.map((name) => host.notifications.notify(name, { type: 't', title: `for ${name}` })));
    for (const [i, stream] of streams.entries()) {
      await stream.until(() => stream.of('state').length === 1);
      expect(stream.of('message').map((frame) => frame.data.title)).toEqual([`for ${names[i]}`]);
    }
    streams[0]?.close();
    await eventually(() => expect(host.notifications.connections()).toBe(2));
  });

  test('a client that stalls in the middle of a replay is waited for; the streams beside it go on', async () => {
    const ids = await fill('slow');
    const stalled = client.open(PATH, await accessToken('slow'), { 'last-event-id': '0' }).pause();
    const lively = client.open(PATH, await accessToken('lively'));
    await stalled.until(() => stalled.status === 200);
    await lively.until(() => lively.of('ready').length === 1);
    // Several pings: long enough for a server that doesn't wait to have written everything.
    await lively.until(() => lively.of('ping').length >= 3);
    await host.notifications.notify('lively', { type: 't', title: 'beside' });
    await lively.until(() => lively.ids.length === 1);
    expect(stalled.ended).toBe(false);

    stalled.resume();
    await stalled.until(() => stalled.ids.length >= MANY || stalled.ended);
    expect(stalled.ids).toEqual(ids);
  });

  test('a client that never reads again is let go after slowClientMs, and the connection stays', async () => {
    client.close();
    await host.close();
    await start({ slowClientMs: 500 });
    await fill('dead');
    const lively = client.open(PATH, await accessToken('lively'));
    await lively.until(() => lively.of('ready').length === 1);
    const dead = client.open(PATH, await accessToken('dead'), { 'last-event-id': '0' }).pause();
    await dead.until(() => dead.status === 200);
    expect(host.notifications.connections('dead')).toBe(1);
    await eventually(() => expect(host.notifications.connections('dead')).toBe(0));
    const before = lively.of('ping').length;
    await lively.until(() => lively.of('ping').length > before);
    expect(lively.ended).toBe(false);
  });

  test('closing the application ends every stream with a word', async () => {
    const streams = await Promise.all(['ann', 'ben'].map(async (name) => client.open(PATH, await accessToken(name))));
    for (const stream of streams) await stream.until(() => stream.of('ready').length === 1);
    await host.close();
    for (const stream of streams) {
      await stream.until(() => stream.ended);
      expect(stream.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown', reconnect: true } });
    }
  });

  test('a client of HTTP/1.1 gets the same from the same port', async () => {
    const authorization = `Bearer ${await accessToken('old')}`;
    await host.notifications.notify('old', { type: 't', title: 'for all versions' });
    const [text, version] = await new Promise<[string, string]>((resolve, reject) => {
      const headers = { authorization, 'last-event-id': '0' };
      const request = get(`${host.url}${PATH}`, { ca: host.ca, headers, agent: false }, (response) => {
        let received = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          received += chunk;
          if (!received.includes('event: state')) return;
          resolve([received, response.httpVersion]);
          request.destroy();
        });
      });
      request.on('error', reject);
    });
    expect(version).toBe('1.1');
    expect(text).toContain('"title":"for all versions"');
  });
});
