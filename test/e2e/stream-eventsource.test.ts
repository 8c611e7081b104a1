import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import type { NotificationsOptions } from '../../src/notifications/index.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

describe('The plainest client: new EventSource(url).onmessage', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  let port: number;
  let options: Partial<NotificationsOptions>;
  const sources: EventSource[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterEach(async () => {
    for (const source of sources.splice(0)) source.close();
    await crm.close();
  });

  afterAll(async () => {
    await database.drop();
  });

  async function start(given: Partial<NotificationsOptions>): Promise<void> {
    options = { retryMs: 50, ...given };
    crm = await startCrmApp(database, { notifications: options });
    port = Number(new URL(crm.url).port);
  }

  async function restart(): Promise<void> {
    await crm.close();
    crm = await startCrmApp(database, { notifications: options, port });
  }

  /** What a page would write: no event types, no ids, no reconnecting. */
  function listen(path: string, init?: ConstructorParameters<typeof EventSource>[1]) {
    const titles: string[] = [];
    const errors: (number | undefined)[] = [];
    let isReady = false;
    const source = new EventSource(crm.url + path, init);
    source.onmessage = (event) => titles.push(JSON.parse(event.data).title);
    source.onerror = (event) => errors.push(event.code);
    source.addEventListener('ready', () => {
      isReady = true;
    });
    sources.push(source);
    return { titles, errors, source, isReady: () => isReady };
  }

  async function send(user: string, ...titles: string[]): Promise<void> {
    for (const title of titles) await crm.notifications.notify(user, { type: 't', title });
  }

  async function untilOpen({ source, isReady }: ReturnType<typeof listen>, user: string): Promise<void> {
    await eventually(() => expect(source.readyState).toBe(EventSource.OPEN));
    // Without a cursor a stream begins with what comes after ready.
    await eventually(() => expect(isReady()).toBe(true));
    await eventually(() => expect(crm.notifications.connections(user)).toBe(1));
  }

  const byToken = async (user: string) => listen(`/notifications/stream?token=${await accessToken(user)}`);

  test.each([
    ['an access token in the query', { acceptAccessTokenInQuery: true }, byToken],
    [
      'an access token in the query, streams by Nest',
      { acceptAccessTokenInQuery: true, streamWriter: 'nest' as const },
      byToken,
    ],
    [
      'a cookie',
      {
        jwt: undefined,
        streamToken: { secret: 'a secret for stream tokens' },
        authenticate: ({ headers }: { headers: Record<string, unknown> }) => {
          const user = /(?:^|; )user=([^;]+)/.exec(String(headers.cookie ?? ''))?.[1];
          return user ? { recipient: decodeURIComponent(user) } : null;
        },
      },
      async (user: string) =>
        listen('/notifications/stream', {
          fetch: (url, init) =>
            fetch(url, { ...init, headers: { ...init.headers, cookie: `lang=de; user=${encodeURIComponent(user)}` } }),
        }),
    ],
  ])('with %s gets every notification exactly once, also across restarts of the server', async (name, given, open) => {
    const user = `user with ${name}`;
    await start(given);
    await send(user, 'before its time');
    const page = await open(user);
    await untilOpen(page, user);
    await send(user, 'a', 'b');
    await eventually(() => expect(page.titles).toEqual(['a', 'b']));
    const expected = ['a', 'b'];
    for (const round of [1, 2]) {
      await restart();
      const during = [`${round}: while it reconnects`, `${round}: just after`];
      await send(user, ...during);
      expected.push(...during);
      await eventually(() => expect(page.titles).toEqual(expected));
      await untilOpen(page, user);
      await send(user, `${round}: live again`);
      expected.push(`${round}: live again`);
      await eventually(() => expect(page.titles).toEqual(expected));
    }
    expect(page.source.readyState).toBe(EventSource.OPEN);
  });

  test('a restart before its first notification loses nothing: ready has told it where it is', async () => {
    await start({ acceptAccessTokenInQuery: true });
    await send('early', 'old', 'older');
    const page = listen(`/notifications/stream?token=${await accessToken('early')}`);
    await new Promise((resolve) => page.source.addEventListener('ready', resolve, { once: true }));
    await crm.close();
    // On another port, so that it can't be back already.
    crm = await startCrmApp(database, { notifications: options });
    await send('early', 'while nobody was there');
    await restart();
    await eventually(() => expect(page.titles).toEqual(['while nobody was there']));
  });

  test('with a bare stream token it works, reconnects within its time, and then gives up with 401', async () => {
    await start({ streamToken: { ttlMs: 3_000 } });
    const user = 'bare';
    const headers = { authorization: `Bearer ${await accessToken(user)}` };
    const issued = await fetch(`${crm.url}/notifications/stream-token`, { method: 'POST', headers });
    const { token, expiresAt } = (await issued.json()) as { token: string; expiresAt: string };
    const page = listen(`/notifications/stream?token=${token}`);
    await untilOpen(page, user);
    await send(user, 'a');
    await eventually(() => expect(page.titles).toEqual(['a']));

    await restart();
    await send(user, 'b');
    await eventually(() => expect(page.titles).toEqual(['a', 'b']));
    // An open stream outlives its token: only connecting needs it.
    await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(expiresAt)));
    await send(user, 'c');
    await eventually(() => expect(page.titles).toEqual(['a', 'b', 'c']));
    expect(page.source.readyState).toBe(EventSource.OPEN);

    await restart();
    await eventually(() => expect(page.source.readyState).toBe(EventSource.CLOSED));
    expect(page.errors.at(-1)).toBe(401);
  });
});
