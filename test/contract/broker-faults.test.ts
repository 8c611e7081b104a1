import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { freePort } from '../../src/embedded-postgres/free-port.js';
import { eventually } from '../support/eventually.js';
import { outputOfTs } from '../support/run-ts.js';
import { skipFor } from '../support/skip-for.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';
import { BROKER_KITS, type BrokerServer } from './broker-kits.js';
import { hear, type Member, Members, newChannel } from './broker-members.js';

const FAST = { heartbeatMs: 200, timeoutMs: 500 };
/** More reconnections than any backoff should take. */
const PATIENCE = { timeoutMs: 15_000 };

/** A JSON object of so many levels. */
const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;

const KITS = BROKER_KITS.filter(({ startServer }) => startServer);

describe.each(KITS)('A broker whose server fails: $name', ({ name, service, found, startServer }) => {
  if (service && !found.binary && !found.url) return skipFor(service, `${name} with a server that fails`, found);

  let server: BrokerServer;
  let proxy: TcpProxy;
  const members = new Members(() => server);

  beforeAll(async () => {
    server = (await startServer?.()) as BrokerServer;
  });
  beforeEach(async () => {
    proxy = await startTcpProxy(server.port);
  });
  afterEach(async () => {
    await members.close();
    await proxy.close();
  });
  afterAll(() => server.dispose());

  /** One of them behind the proxy. */
  const joinTwo = async (): Promise<[proxied: Member, direct: Member]> => {
    const channel = newChannel();
    return [await members.join({ channel, port: proxy.port, ...FAST }), await members.join({ channel })];
  };
  /** Again and again: a link with so short a timeout may go once more, and what is sent then is rightly lost. */
  const expectHintsToFlow = async (from: Member, to: Member, recipient: string) => {
    await eventually(() => {
      from.broker.publish([{ tenant: 'acme', recipient }]);
      expect(to.handler.hasHeard(recipient)).toBe(true);
    });
  };

  test('a half-open connection is noticed, and replaced', async () => {
    const [proxied, direct] = await joinTwo();
    const before = proxy.connections;
    proxy.silence('open');
    await eventually(() => expect(proxied.handler.gaps).toBeGreaterThanOrEqual(2), PATIENCE);
    expect(proxied.downs[0]).toMatchObject({ message: expect.stringContaining('longer than 500 ms') });
    await expectHintsToFlow(direct, proxied, 'to');
    await expectHintsToFlow(proxied, direct, 'from');
    await eventually(() => expect(proxy.connections).toBe(before));
    expect(direct.downs).toEqual([]);
  });

  test('what is published while the link is down is a gap for the others', async () => {
    const [proxied, direct] = await joinTwo();
    proxy.silence('all');
    await eventually(() => expect(proxied.downs).toHaveLength(1));
    proxied.broker.publish([{ tenant: 'acme', recipient: 'lost' }]);
    // One attempt more, so that it has been collected, and nobody was there to send it to.
    const { accepted } = proxy;
    await eventually(() => expect(proxy.accepted).toBeGreaterThan(accepted), PATIENCE);
    expect(direct.handler.gaps).toBe(1);
    proxy.restore();
    await eventually(() => expect([proxied.handler.gaps, direct.handler.gaps]).toEqual([2, 2]), PATIENCE);
    expect(direct.handler.hints).toEqual([]);
  });

  test('a message that was being sent when the connection went silent is a gap for the others', async () => {
    const channel = newChannel();
    // Only sending can notice it: no heartbeat is due.
    const proxied = await members.join({ channel, port: proxy.port, heartbeatMs: 60_000, timeoutMs: 200 });
    const direct = await members.join({ channel });
    proxy.silence('open');
    proxied.broker.publish([{ tenant: 'acme', recipient: 'on-its-way' }]);
    await eventually(() => expect([proxied.handler.gaps, direct.handler.gaps]).toEqual([2, 2]), PATIENCE);
  });

  test('subscribe() resolves before a server that accepts and says nothing; attempts leave nothing behind', async () => {
    proxy.silence('all');
    const member = await members.create({ channel: newChannel(), port: proxy.port, ...FAST });
    await member.broker.subscribe(member.handler);
    await eventually(() => expect(proxy.accepted).toBeGreaterThan(4), PATIENCE);
    expect(proxy.connections).toBeLessThanOrEqual(2);
    expect(member.downs).toHaveLength(1);
    expect(member.handler.gaps).toBe(0);

    await member.broker.close();
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('close() waits neither for an answer to connecting nor for a heartbeat', async () => {
    const slow = { heartbeatMs: 60_000, timeoutMs: 60_000 };
    const [channel, port] = [newChannel(), proxy.port];
    const joined = await members.join({ channel, port, ...slow });
    proxy.silence('all');
    const connecting = await members.create({ channel, port, ...slow });
    const before = proxy.accepted;
    await connecting.broker.subscribe(connecting.handler);
    await eventually(() => expect(proxy.accepted).toBeGreaterThan(before));
    joined.broker.publish([{ tenant: 'acme', recipient: 'never-arrives' }]);

    await Promise.all([connecting.broker.close(), joined.broker.close()]);
    await eventually(() => expect(proxy.connections).toBe(0));
  });

  test('messages that no broker wrote are passed over, also where instances that do not sign are about', async () => {
    const channel = newChannel();
    members.keys.hasUnsignedInstances = true;
    const member = await members.join({ channel });
    const foreign = [
      'hello',
      'null',
      '[]',
      '{"hints":[["acme","alice"]]}',
      '{"from":"other","hints":[["acme"]]}',
      '{"from":"other","hints":[[1,"alice"]]}',
      '{"from":"other","hints":{"0":["acme","alice"]}}',
      '{"from":"other","hints":[["acme","alice",{"revision":1,"unread":99}]]}',
      '{"from":"other","hints":[["acme","alice",null,"event: forged"]]}',
      '{"from":"other","probe":1}',
      // Deeper than the stack of the process goes: written again it would end that. A NOTIFY has no room for it.
      ...(name === 'postgresBroker' ? [] : [`{"from":"other","hints":[["acme","alice",null,${nested(9_000)}]]}`]),
    ];
    for (const text of foreign) await server.sendRaw(channel, text);
    await server.sendRaw(channel, '{"from":"other","hints":[["acme","marker"]],"new":"field"}');
    await hear(member, 'marker');
    expect(member.handler.hints).toEqual([{ tenant: 'acme', recipient: 'marker' }]);
    expect([member.handler.gaps, member.downs]).toEqual([1, []]);
  });

  test('a process ends by itself once its brokers are closed: up, down, connecting to what never answers', async () => {
    proxy.silence('all');
    const urls = [server.port, await freePort(), proxy.port].map((port) => server.urlAt(port));
    const output = await outputOfTs(new URL('./run-broker.ts', import.meta.url), [name, ...urls]);
    expect(JSON.parse(output)).toEqual(['up', 'down', 'down']);
  });

  if (service && !found.binary) return skipFor(service, `${name} with a server that stops`, found);

  test('a server that is stopped and started again', async () => {
    const channel = newChannel();
    const [one, two] = [await members.join({ channel }), await members.join({ channel })];
    await server.restart?.stop();
    await eventually(() => expect([one.downs.length, two.downs.length]).toEqual([1, 1]));
    one.broker.publish([{ tenant: 'acme', recipient: 'lost' }]);

    const late = await members.create({ channel });
    await late.broker.subscribe(late.handler);
    await eventually(() => expect(late.downs).toHaveLength(1));
    const gone = await members.create({ channel });
    await gone.broker.subscribe(gone.handler);
    await gone.broker.close();

    await server.restart?.start();
    await eventually(() => expect(late.handler.gaps).toBeGreaterThanOrEqual(1), PATIENCE);
    for (const { handler } of [one, two])
      await eventually(() => expect(handler.gaps).toBeGreaterThanOrEqual(2), PATIENCE);
    await expectHintsToFlow(one, two, 'again');
    await expectHintsToFlow(two, late, 'and back');
    expect([one, two, late].map(({ downs }) => downs.length)).toEqual([1, 1, 1]);
    expect([gone.handler.gaps, gone.handler.calls]).toEqual([0, []]);
  });
});
