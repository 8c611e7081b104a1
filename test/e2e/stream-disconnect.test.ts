import { afterAll, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { inProcessBroker } from '../../src/notifications/index.js';
import { STREAM_WRITERS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const REVOKED = { reason: 'revoked', reconnect: false };

describe.each(STREAM_WRITERS)('disconnect(), streams by %s', (streamWriter) => {
  let database: TestDatabase;
  let here: CrmApp;
  /** Gets every hint. */
  let linked: CrmApp;
  /** Gets no hint at all. */
  let deaf: CrmApp;
  let user: string;
  let token: string;
  let users = 0;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    const broker = inProcessBroker();
    here = await startCrmApp(database, { notifications: { streamWriter, broker, maxStreamsPerRecipient: 200 } });
    linked = await startCrmApp(database, { notifications: { streamWriter, broker } });
    deaf = await startCrmApp(database, { notifications: { streamWriter, sweepMs: 200 } });
  });

  beforeEach(async () => {
    user = `user ${users++}`;
    token = await accessToken(user);
  });

  afterAll(async () => {
    await Promise.all([here, linked, deaf].map((crm) => crm.close()));
    await database.drop();
  });

  async function streamToken(): Promise<string> {
    const url = `${here.url}/notifications/stream-token`;
    const response = await fetch(url, { method: 'POST', headers: { authorization: `Bearer ${token}` } });
    return ((await response.json()) as { token: string }).token;
  }

  async function openWith(bearer: string, crm = here): Promise<StreamClient> {
    const client = new StreamClient(`${crm.url}/notifications/stream?token=${bearer}`);
    await client.until(() => client.of('ready').length > 0 || client.ended);
    return client;
  }

  async function expectRevoked(client: StreamClient): Promise<void> {
    await client.until(() => client.ended);
    expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: REVOKED });
  }

  async function expectLive(client: StreamClient): Promise<void> {
    const before = client.ids.length;
    await here.notifications.notify(user, { type: 't', title: 'still there?' });
    await client.until(() => client.ids.length > before);
    client.close();
  }

  test('ends the streams of the recipient, and of nobody else, on every instance, with the hint or without it', async () => {
    const other = await StreamClient.open(here.url, await accessToken(`not ${user}`));
    const streams = await Promise.all([
      StreamClient.open(here.url, token),
      StreamClient.open(here.url, token),
      StreamClient.open(linked.url, token),
      StreamClient.open(deaf.url, token),
    ]);
    await here.notifications.disconnect(user);
    await Promise.all(streams.map(expectRevoked));
    expect(other.ended).toBe(false);
    other.close();
  });

  test('stream tokens from before open nothing, later ones do, and so do normal credentials', async () => {
    const [before, alsoBefore] = await Promise.all([streamToken(), streamToken()]);
    (await openWith(before)).close();
    await here.notifications.disconnect(user);
    for (const crm of [here, linked, deaf]) {
      const refused = await openWith(alsoBefore, crm);
      expect([refused.status, refused.frames]).toEqual([401, []]);
    }
    const after = await streamToken();
    for (const crm of [here, linked, deaf]) await expectLive(await openWith(after, crm));
    await expectLive(await StreamClient.open(here.url, token));
    // A second one counts as well, also within the same moment.
    await Promise.all([here.notifications.disconnect(user), here.notifications.disconnect(user)]);
    expect((await openWith(after)).status).toBe(401);
  });

  test('between the check of a stream token and the first read of the stream it is not overlooked', async () => {
    const bearer = await streamToken();
    const check = here.notifications.streamsValidFrom.bind(here.notifications);
    const spy = jest.spyOn(here.notifications, 'streamsValidFrom').mockImplementationOnce(async (recipient) => {
      const checked = await check(recipient);
      await deaf.notifications.disconnect(user);
      return checked;
    });
    const client = new StreamClient(`${here.url}/notifications/stream?token=${bearer}`);
    await expectRevoked(client);
    expect(client.of('ready')).toEqual([]);
    spy.mockRestore();
  });

  test('a stream that has answered, but not yet read its inbox, is ended too', async () => {
    const client = new StreamClient(`${here.url}/notifications/stream`, {
      headers: { authorization: `Bearer ${token}` },
    });
    let disconnected: Promise<void> | undefined;
    await here.dataSource.transaction(async (manager) => {
      // Holds its first read.
      await manager.query('LOCK TABLE notifications.inbox IN ACCESS EXCLUSIVE MODE');
      await client.until(() => client.status !== undefined);
      disconnected = here.notifications.disconnect(user);
    });
    await disconnected;
    await expectRevoked(client);
  });

  test('racing with connects: no stream of a token from before is left', async () => {
    for (let round = 0; round < 25; round++) {
      const bearers = await Promise.all(Array.from({ length: 4 }, streamToken));
      const opening = bearers.map((bearer, i) => openWith(bearer, i % 2 ? here : linked));
      // At another point of their connecting each time.
      for (let turn = 0; turn < round; turn++) await new Promise((resolve) => setImmediate(resolve));
      await here.notifications.disconnect(user);
      for (const client of await Promise.all(opening)) {
        if (client.status === 401) expect(client.frames).toEqual([]);
        else await expectRevoked(client);
      }
      expect(here.notifications.connections(user) + linked.notifications.connections(user)).toBe(0);
    }
  });

  test('ends a stream that stalls, which sees no close', async () => {
    const client = await StreamClient.open(here.url, token);
    const beside = await StreamClient.open(here.url, token);
    client.pause();
    // More than the kernel takes for it, and than may wait.
    const body = '好'.repeat(10_000);
    for (let i = 0; i < 12; i++) {
      await Promise.all(
        Array.from({ length: 50 }, () => here.notifications.notify(user, { type: 't', title: 'x', body })),
      );
    }
    await beside.until(() => beside.ids.length === 600);
    await here.notifications.disconnect(user);
    expect(here.notifications.connections(user)).toBe(0);
    client.resume();
    await client.until(() => client.ended);
    expect(client.of('close')).toEqual([]);
  });
});
