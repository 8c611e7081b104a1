import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { type BrokerFactory, inProcessBroker } from '../../src/notifications/index.js';
import { BROKER_KITS, type BrokerServer } from '../contract/broker-kits.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { hearEachOther, NO_SWEEP, startInstances } from '../support/instances.js';
import { skipFor } from '../support/skip-for.js';
import { StreamClient } from '../support/stream-client.js';

jest.setTimeout(60_000);

const onEnd = useCleanup();
const REVOKED = { reason: 'revoked', reconnect: false };

async function open(crm: CrmApp, user: string): Promise<StreamClient> {
  return await StreamClient.open(crm.url, await accessToken(user));
}

/**
 * Marks alice's first notification read, and unread, and read … until every client was told of it with the details; the
 * numbers each of them gets each time. A detail is best effort: where an earlier hint is still on its way, the look that
 * it causes tells the numbers alone.
 */
async function changeUntilDetailed(crm: CrmApp, clients: StreamClient[]): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const mark = attempt % 2 === 1 ? 'markRead' : 'markUnread';
    const { revision } = await crm.notifications[mark]('alice', [1]);
    const told = (client: StreamClient) => client.of('state').find(({ data }) => data.revision === revision);
    await Promise.all(clients.map((client) => client.until(() => told(client) !== undefined)));
    const details = clients.map((client) => told(client)?.data[attempt % 2 === 1 ? 'read' : 'unreadIds']);
    if (attempt === 5) expect(details).toEqual(clients.map(() => [1]));
    if (details.every((ids) => ids?.[0] === 1)) return revision;
  }
}

/** What happens on one instance is seen on all others, without the sweep: whatever the broker. */
function describeBroker(name: string, start: () => Promise<{ broker?: BrokerFactory; dispose(): Promise<void> }>) {
  describe(`Three instances and ${name}`, () => {
    let database: TestDatabase;
    let instances: CrmApp[];
    let server: Awaited<ReturnType<typeof start>>;

    beforeAll(async () => {
      [database, server] = await Promise.all([createMigratedDatabase(), start()]);
      instances = await startInstances(database, 3, { ...NO_SWEEP, broker: server.broker });
    });

    afterAll(async () => {
      await Promise.all(instances.map((crm) => crm.close()));
      await server.dispose();
      await database.drop();
    });

    test('notifications, changes and broadcasts appear on streams of every instance', async () => {
      const [crm] = instances as [CrmApp];
      const clients = await Promise.all(instances.map((instance) => open(instance, 'alice')));
      await crm.notifications.notify('alice', { type: 't', title: 'direct' });
      await crm.dataSource.transaction((manager) =>
        crm.notifications.notify('alice', { type: 't', title: 'in a transaction' }, { manager }),
      );
      await Promise.all(clients.map((client) => client.until(() => client.ids.length === 2)));
      const revision = await changeUntilDetailed(crm, clients);
      await crm.notifications.broadcast({ type: 't', title: 'to everybody' });
      for (const client of clients) {
        await client.until(() => client.ids.length === 3);
        expect(client.of('message').map((frame) => frame.data.title)).toEqual([
          'direct',
          'in a transaction',
          'to everybody',
        ]);
        await client.until(() => client.frames.at(-1)?.data.lastId === 3);
        expect(client.frames.at(-1)).toMatchObject({
          event: 'state',
          data: { lastId: 3, unread: revision % 2 === 1 ? 2 : 3, revision },
        });
        client.close();
      }
    });

    test('signals reach streams of every instance: of one, of many, of the tenant, up to 4 KiB', async () => {
      const [crm] = instances as [CrmApp];
      const clients = await Promise.all(
        instances.flatMap((instance) => [open(instance, 'bob'), open(instance, 'carol')]),
      );
      const data = { text: 'x'.repeat(4_096 - '{"text":""}'.length) };
      crm.notifications.signal('bob', 'to.bob', data);
      crm.notifications.signal(['bob', 'carol'], 'to.both');
      crm.notifications.signalAll('to.all', { n: 1 });
      for (const [i, client] of clients.entries()) {
        await client.until(() => client.of('signal').some((frame) => frame.data.type === 'to.all'));
        const rest = [
          { type: 'to.both', data: {} },
          { type: 'to.all', data: { n: 1 } },
        ];
        const signals = client.of('signal').map((frame) => frame.data);
        expect(signals).toEqual(i % 2 === 0 ? [{ type: 'to.bob', data }, ...rest] : rest);
        client.close();
      }
    });

    test('disconnect() ends the streams of one recipient everywhere', async () => {
      const [crm, other] = instances as [CrmApp, CrmApp];
      const clients = await Promise.all(instances.map((instance) => open(instance, 'dave')));
      const bystander = await open(other, 'erin');
      await crm.notifications.disconnect('dave');
      for (const client of clients) {
        await client.until(() => client.ended);
        expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: REVOKED });
      }
      expect(bystander.ended).toBe(false);
      bystander.close();
    });
  });
}

describeBroker('the default broker', async () => ({ dispose: async () => {} }));

for (const { name, service, found, startServer } of BROKER_KITS) {
  if (!service || !startServer) continue;
  if (!found.binary && !found.url) {
    describe(name, () => skipFor(service, `three instances and ${name}`, found));
    continue;
  }
  describeBroker(name, async () => {
    const server: BrokerServer = await startServer();
    return { broker: server.factory({}), dispose: () => server.dispose() };
  });
}

test('With every message of the broker lost disconnect() is found by the sweep, and old stream tokens open nothing', async () => {
  const database = await createMigratedDatabase();
  onEnd(() => database.drop());
  // A broker each: nobody hears anybody.
  const start = (sweepMs: number) => startCrmApp(database, { notifications: { broker: inProcessBroker(), sweepMs } });
  const instances = await Promise.all([start(200), start(200), start(200)]);
  const [first] = instances;
  for (const crm of instances) onEnd(() => crm.close());
  const authorization = `Bearer ${await accessToken('alice')}`;
  const response = await fetch(`${first.url}/notifications/stream-token`, {
    method: 'POST',
    headers: { authorization },
  });
  const { token } = (await response.json()) as { token: string };
  const openWithToken = (crm: CrmApp) => new StreamClient(`${crm.url}/notifications/stream?token=${token}`);

  const clients = instances.map(openWithToken);
  await Promise.all(clients.map((client) => client.until(() => client.of('ready').length === 1)));
  await first.notifications.disconnect('alice');
  for (const client of clients) {
    await client.until(() => client.ended);
    expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: REVOKED });
  }
  for (const crm of instances) {
    const refused = openWithToken(crm);
    await refused.until(() => refused.ended);
    expect([refused.status, refused.frames]).toEqual([401, []]);
  }
});

test('An instance that starts later is heard and hears', async () => {
  const database = await createMigratedDatabase();
  onEnd(() => database.drop());
  const [first] = (await startInstances(database, 1, NO_SWEEP)) as [CrmApp];
  onEnd(() => first.close());
  const client = await open(first, 'alice');
  const [second] = (await startInstances(database, 1, NO_SWEEP)) as [CrmApp];
  onEnd(() => second.close());
  await hearEachOther([first, second]);
  await second.notifications.notify('alice', { type: 't', title: 'from the newcomer' });
  await client.until(() => client.ids.length === 1);
  client.close();
});
