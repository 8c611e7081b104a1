import type { IncomingMessage, Server } from 'node:http';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { type CanActivate, type ExecutionContext, UseGuards } from '@nestjs/common';
import { STREAM_TRANSPORTS } from '../support/adapters.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { HeldGuards } from '../support/held-guards.js';
import { Http2Client } from '../support/http2-stream-client.js';
import { OwnStreams } from '../support/own-streams.js';
import { type Random, seeded } from '../support/random.js';
import { RawConnection } from '../support/raw-connection.js';
import { selfSignedCertificate } from '../support/self-signed-certificate.js';

const PER_RECIPIENT = 3;
const IN_ALL = 5;
const STREAM = '/notifications/stream';
setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;
const tls = selfSignedCertificate();

describe.each(STREAM_TRANSPORTS)('Places of streams on %s', (name, adapter, writer, isTls) => {
  let database: TestDatabase;
  let crm: CrmApp;
  let url: string;
  const held = new HeldGuards();
  /** Streams whose credentials were checked behind another one. */
  let identifiedBehind = 0;
  /** Of requests whose path says "remember". */
  const responses: WeakRef<object>[] = [];
  const clients: { close(): void }[] = [];

  /** A guard of the host that runs after the module's, as one of `controllerDecorators` does. */
  class SlowGuard implements CanActivate {
    async canActivate(context: ExecutionContext): Promise<boolean> {
      const request = context.switchToHttp().getRequest();
      await held.pass(request, 'guard');
      return request.headers['x-refuse'] === undefined;
    }
  }

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database, {
      configure: (app) =>
        app.use(async (request: IncomingMessage, response: object, next: () => void) => {
          if (request.url?.includes('remember')) responses.push(new WeakRef(response));
          await held.pass(request, 'middleware');
          next();
        }),
      adapter: adapter(tls),
      controllers: [OwnStreams],
      notifications: {
        ...writer,
        jwt: undefined,
        directStreamPath: writer.streamWriter === 'nest' ? null : '/direct',
        streamToken: { secret: 'a secret for stream tokens' },
        authenticate: async ({ headers }) => {
          if (headers['x-behind']) identifiedBehind += 1;
          await held.pass({ headers }, 'authenticate');
          const delay = Number(headers['x-delay'] ?? 0);
          if (delay > 0) await new Promise((resolve) => setTimeout(resolve, delay));
          return { recipient: String(headers['x-user']) };
        },
        controllerDecorators: [UseGuards(new SlowGuard())],
        maxStreamsPerRecipient: PER_RECIPIENT,
        maxStreams: IN_ALL,
      },
    });
    url = isTls ? crm.url.replace(/^http:/, 'https:') : crm.url;
  });

  afterEach(async () => {
    held.release();
    for (const client of clients.splice(0)) client.close();
    await expectAllFree();
  });

  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  async function connect(): Promise<RawConnection> {
    const client = await RawConnection.open(url, isTls ? tls.cert : undefined);
    clients.push(client);
    return client;
  }

  function request(path: string, user = 'ann', ...headers: string[]): string[] {
    return [`GET ${path} HTTP/1.1`, 'Host: crm', `X-User: ${user}`, ...headers, ''];
  }

  function repeated(count: number, lines: string[]): string[] {
    return Array.from({ length: count }, () => lines).flat();
  }

  function statusesOf({ received }: RawConnection): number[] {
    return [...received.matchAll(/HTTP\/1.1 (\d+)/g)].map(([, status]) => Number(status));
  }

  async function statusOf(user: string, path = STREAM): Promise<number> {
    const client = await connect();
    client.send(...request(path, user));
    await client.until('\r\n\r\n');
    return statusesOf(client)[0] as number;
  }

  /** All the places can be taken, of one recipient and in all, and no more. */
  async function expectAllFree(): Promise<void> {
    await eventually(async () => {
      const before = clients.length;
      expect(crm.notifications.connections()).toBe(0);
      const statuses: number[] = [];
      for (const user of ['ann', 'ann', 'ann', 'ann', 'bob', 'bob', 'bob']) statuses.push(await statusOf(user));
      for (const client of clients.splice(before)) client.close();
      expect(statuses).toEqual([200, 200, 200, 429, 200, 200, 503]);
    });
    await eventually(() => expect(crm.notifications.connections()).toBe(0));
  }

  /** Whatever the cap is, what is connected and what may still connect make it up. */
  async function expectFree(count: number): Promise<void> {
    await eventually(async () => {
      const before = clients.length;
      const statuses: number[] = [];
      for (let i = 0; i <= count; i++) statuses.push(await statusOf('ann'));
      for (const client of clients.splice(before)) client.close();
      expect(statuses).toEqual([...Array(count).fill(200), 429]);
    });
  }

  async function connectionsOfServer(): Promise<number> {
    const server: Server = crm.app.getHttpServer();
    return await new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }

  /** Resolves when what was sent before on other connections has been read, and handed to its handlers. */
  async function untilHandled(): Promise<void> {
    expect(await statusOf('cid', '/notifications/unread-count')).toBe(200);
  }

  describe.each<[when: string, wait: (client: RawConnection) => Promise<void>, request: string[], stream: string[]]>([
    ['at once', async () => {}, [], []],
    ['while the request is at work', untilHandled, ['X-Hold: authenticate'], []],
    ['while the guards of all are at work', untilHandled, ['X-Hold: authenticate'], ['X-Hold: guard']],
    ['when the first answer comes', (client) => client.until('HTTP/1.1 200'), [], ['X-Hold: guard']],
  ])('a connection that pipelines streams behind a request, and is reset %s', (_, wait, ofRequest, ofStream) => {
    test.each([STREAM, '/own/paced', '/own/unpaced', '/own/forgetful', '/own/idle'])('holds none: %s', async (path) => {
      for (let i = 0; i < 2; i++) {
        const client = await connect();
        client.send(
          ...request('/notifications', 'ann', ...ofRequest),
          ...repeated(20, request(path, 'ann', ...ofStream)),
        );
        await wait(client);
        client.reset();
      }
      held.release();
      await expectAllFree();
    });
  });

  // Anybody can send them: what holds on to a response does so before the credentials are checked.
  test.each(['/notifications/unread-count', STREAM])('requests of %s leave nothing behind', async (path) => {
    responses.length = 0;
    const behind = await connect();
    behind.send(
      ...request('/notifications', 'ann', 'X-Hold: authenticate'),
      ...repeated(50, request(`${path}?remember`, 'ann')),
    );
    const late = await connect();
    late.send(...repeated(10, request(`${path}?remember`, 'ann', 'X-Hold: middleware')));
    await eventually(() => expect([responses.length, held.count('middleware')]).toEqual([60, 10]));
    await untilHandled();
    for (const client of [behind, late]) client.reset();
    for (const client of clients.splice(0)) client.close();
    await eventually(async () => expect(await connectionsOfServer()).toBe(0));
    held.release();
    await eventually(() => {
      collectGarbage();
      const kept = responses.filter((reference) => reference.deref() !== undefined);
      // The last ones may still be in somebody's register.
      expect(kept.length).toBeLessThanOrEqual(5);
    });
  });

  test('streams that wait behind a request take none until their turn, and then as many as there are', async () => {
    const waiting = await connect();
    waiting.send(
      ...request('/notifications', 'ann', 'X-Hold: authenticate'),
      ...repeated(20, request(STREAM, 'ann', 'X-Hold: none')),
    );
    await eventually(() => expect(held.count('authenticate')).toBe(1));
    await expectFree(PER_RECIPIENT);
    expect(await Promise.all([statusOf('ann'), statusOf('ann')])).toEqual([200, 200]);
    held.release();
    // The first is a stream that does not end: what is behind it waits.
    await waiting.until('event: ready');
    expect(statusesOf(waiting)).toEqual([200, 200]);
    expect(crm.notifications.connections('ann')).toBe(PER_RECIPIENT);
  });

  test.each(['authenticate', 'guard'])('streams whose client leaves while %s works hold none', async (where) => {
    for (let i = 0; i < PER_RECIPIENT; i++) {
      const client = await connect();
      client.send(...repeated(3, request(STREAM, 'ann', `X-Hold: ${where}`)));
      await eventually(() => expect(held.count(where)).toBe(i + 1));
      client.reset();
    }
    // Also while it still works, and after.
    await expectAllFree();
    held.release();
  });

  test('streams that a later guard refuses hold none', async () => {
    const client = await connect();
    client.send(...repeated(2 * IN_ALL, request(STREAM, 'ann', 'X-Refuse: yes')));
    await eventually(() => expect(statusesOf(client)).toEqual(Array(2 * IN_ALL).fill(403)));
    client.send(...request(STREAM));
    await client.until('event: ready');
    expect(await Promise.all([statusOf('ann'), statusOf('ann')])).toEqual([200, 200]);
  });

  test.each(['authenticate', 'guard'])(
    'streams whose client closes its side while %s works hold none',
    async (where) => {
      for (let i = 0; i < IN_ALL; i++) {
        const client = await connect();
        client.send(...request(STREAM, 'ann', `X-Hold: ${where}`), ...request(STREAM));
        await eventually(() => expect(held.count(where)).toBe(i + 1));
        client.socket.end();
        await eventually(() => expect(client.ended || client.closed).toBe(true));
      }
      await expectAllFree();
      held.release();
    },
  );

  test('a subscriber that forgets its client does not keep its place, nor is it counted for ever', async () => {
    expect([await statusOf('ann', '/own/forgetful'), await statusOf('ann', '/own/forgetful')]).toEqual([200, 200]);
    expect(crm.notifications.connections('ann')).toBe(2);
    await expectFree(PER_RECIPIENT - 2);
    for (const client of clients.splice(0)) client.close();
    // Nobody asks for a place.
    await eventually(() => expect(crm.notifications.connections('ann')).toBe(0));
  });

  test('behind a stream nothing is answered, however slow it is to open and whatever overtakes it', async () => {
    for (const path of ['/notifications/unread-count', STREAM, '/own/paced', '/nowhere']) {
      const client = await connect();
      client.send(
        ...request(STREAM, 'ann', 'X-Hold: authenticate'),
        ...request(path),
        ...request(STREAM, 'ann', 'X-Behind: yes'),
        ...request(STREAM, 'ann', 'X-Behind: yes'),
        ...request('/notifications'),
      );
      await eventually(() => expect(held.count('authenticate')).toBe(1));
      await untilHandled();
      held.release();
      await client.until('event: ready');
      const from = client.received.length;
      crm.notifications.signal('ann', 'behind it all');
      await client.until('behind it all', from);
      expect(statusesOf(client)).toEqual([200]);
      expect(identifiedBehind).toBe(0);
      for (const each of clients.splice(0)) each.close();
      await expectAllFree();
    }
  });

  test('random requests on one connection are answered in order, up to the first stream', async () => {
    // With one place left, a stream that overtakes another one takes it from that.
    expect(await Promise.all([statusOf('ann'), statusOf('ann')])).toEqual([200, 200]);
    await seeded(async (random) => {
      for (let i = 0; i < 15; i++) {
        const client = await connect();
        const before = random.between(0, 3);
        const sent = [
          ...Array.from({ length: before }, () => 'nowhere'),
          'stream',
          ...Array.from({ length: random.between(0, 5) }, () => random.pick(['nowhere', 'stream', 'count'])),
        ];
        const paths: Record<string, string> = {
          nowhere: '/nowhere',
          stream: STREAM,
          count: '/notifications/unread-count',
        };
        const writes = sent.map((what) => request(paths[what] as string, 'ann', `X-Delay: ${random.between(0, 15)}`));
        for (const lines of writes) {
          client.send(...lines);
          if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
        }
        await client.until('event: ready');
        const from = client.received.length;
        crm.notifications.signal('ann', 'the last');
        await client.until('the last', from);
        expect([sent, statusesOf(client)]).toEqual([sent, [...Array(before).fill(404), 200]]);
        client.close();
        await eventually(() => expect(crm.notifications.connections()).toBe(PER_RECIPIENT - 1));
      }
    });
  });

  test('a hundred connections that pipeline, and leave at random moments, leave every place free', async () => {
    await seeded(async (random) => {
      await Promise.all(Array.from({ length: 100 }, () => roam(random.fork())));
    });
    await expectAllFree();
  });

  async function roam(random: Random): Promise<void> {
    const client = await connect();
    const paths = [
      STREAM,
      STREAM,
      '/notifications',
      '/own/paced',
      '/own/unpaced',
      '/own/forgetful',
      '/own/idle',
      '/no',
    ];
    for (let i = random.between(1, 12); i > 0 && !client.closed; i--) {
      const hold = random.chance(0.1) ? [`X-Hold: ${random.pick(['authenticate', 'guard'])}`] : [];
      const lines = request(
        random.pick(paths),
        random.pick(['ann', 'bob']),
        `X-Delay: ${random.between(0, 30)}`,
        ...hold,
      );
      client.send(...lines);
      if (random.chance(0.3)) await new Promise((resolve) => setTimeout(resolve, random.between(0, 10)));
    }
    await new Promise((resolve) => setTimeout(resolve, random.between(0, 60)));
    random.pick([() => client.reset(), () => client.close(), () => client.socket.end()])();
  }

  if (name.includes('HTTP/2')) {
    test('streams of HTTP/2 that are cancelled, or whose connection goes, hold none', async () => {
      for (let i = 0; i < 6; i++) {
        const client = await Http2Client.connect(url, tls.cert);
        clients.push(client);
        const headers = { 'x-user': 'ann', 'x-hold': i % 2 ? 'authenticate' : 'guard' };
        const streams = Array.from({ length: PER_RECIPIENT }, () => client.open(STREAM, '', headers));
        await eventually(() => expect(held.count(headers['x-hold'])).toBe(PER_RECIPIENT));
        if (i < 2) for (const stream of streams) stream.close();
        else client.close();
        if (i < 4) held.release();
        await expectAllFree();
        held.release();
      }
    });
  }

  if (!isTls && writer.streamWriter !== 'nest') {
    test('streams with a token that are pipelined past the host hold none', async () => {
      const answer = await fetch(`${url}/notifications/stream-token`, { method: 'POST', headers: { 'x-user': 'ann' } });
      const { token } = (await answer.json()) as { token: string };
      const direct = request(`/direct?token=${token}`);
      for (const first of [[], request('/notifications'), request('/notifications', 'ann', 'X-Hold: authenticate')]) {
        for (let i = 0; i < 5; i++) {
          const client = await connect();
          client.send(...first, ...repeated(20, direct));
          if (i % 2 && !first.includes('X-Hold: authenticate')) await client.until('HTTP/1.1');
          else await untilHandled();
          client.reset();
        }
        await expectAllFree();
      }
    });
  }
});
