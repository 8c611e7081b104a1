import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Broker, BrokerContext, BrokerFactory } from '../../src/notifications/broker/broker.js';
import { natsBroker } from '../../src/notifications/broker/nats.broker.js';
import { postgresBroker } from '../../src/notifications/broker/postgres.broker.js';
import { redisBroker } from '../../src/notifications/broker/redis.broker.js';
import { TransportBroker } from '../../src/notifications/broker/transport.broker.js';
import type { Transport } from '../../src/notifications/broker/transport.js';
import { eventually } from '../support/eventually.js';
import { startNatsServer } from '../support/nats-server.js';
import { startRedisServer } from '../support/redis-server.js';
import { findService, type ServerProcess } from '../support/services.js';
import { skipFor } from '../support/skip-for.js';
import { hear, hintsAt, newChannel } from './broker-members.js';
import { RecordingHandler } from './recording-handler.js';
import { TestKeys } from './test-keyring.js';

const [redis, nats] = await Promise.all([findService('redis'), findService('nats')]);

const brokers: Broker[] = [];
let keys = new TestKeys();
afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.close()));
  await keys.close();
  keys = new TestKeys();
});

async function subscribe(factory: BrokerFactory, channel = newChannel()) {
  const [handler, downs] = [new RecordingHandler(), [] as unknown[]];
  const keyring = await keys.keyring(channel);
  const broker = await factory({ channel, postgres: {}, keyring, onDown: (error) => void downs.push(error) });
  brokers.push(broker);
  await broker.subscribe(handler);
  return { broker, handler, downs };
}

const isUp = ({ handler }: { handler: RecordingHandler }) => eventually(() => expect(handler.gaps).toBe(1));

describe('Options that can not work end the start of the application', () => {
  let context: BrokerContext;
  beforeEach(async () => {
    const channel = 'crm.notifications';
    context = { channel, postgres: {}, keyring: await keys.keyring(channel), onDown: () => {} };
  });

  test.each([postgresBroker, redisBroker, natsBroker])('%p: times', async (broker) => {
    for (const options of [{ heartbeatMs: Number.NaN }, { timeoutMs: 0 }, { heartbeatMs: 2 ** 31 }]) {
      await expect((async () => broker(options)(context))()).rejects.toMatchObject({ code: 'INVALID_OPTIONS' });
    }
  });

  test.each<[string, (options: never) => ReturnType<typeof postgresBroker>, object, RegExp]>([
    ['postgresBroker', postgresBroker, { url: 7 }, /postgresBroker\(\): url must be the URL of a Postgres server/],
    ['postgresBroker', postgresBroker, { timeout: 7 }, /timeout is not an option\. The options are .*timeoutMs/],
    ['redisBroker', redisBroker, { client: 'tls' }, /redisBroker\(\): client must be an object/],
    ['redisBroker', redisBroker, { host: 'redis' }, /host is not an option\. The options are .*url/],
    ['natsBroker', natsBroker, { servers: [] }, /natsBroker\(\): servers must be the URL/],
    ['natsBroker', natsBroker, { url: 'nats://n' }, /url is not an option\. The options are .*servers/],
  ])('%s: %#', async (_, broker, options, message) => {
    await expect((async () => broker(options as never)(context))()).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(message),
    });
  });

  test('a URL that is none of Redis; its password is not repeated', async () => {
    const start = async () => redisBroker({ url: 'http://user:secret@localhost' })(context);
    await expect(start()).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.not.stringContaining('secret'),
    });
  });
});

test('a server that takes messages and delivers none is not one: the operator is told', async () => {
  const downs: unknown[] = [];
  const deaf = { connect: async () => ({ maxBytes: 7_999, send: async () => {} }) };
  const context = { keyring: await keys.keyring('c'), onDown: (error: unknown) => void downs.push(error) };
  const broker = new TransportBroker(deaf, context, { timeoutMs: 50 });
  brokers.push(broker);
  const handler = new RecordingHandler();
  await broker.subscribe(handler);
  await eventually(() => expect(downs).toEqual([new Error('the message to itself took longer than 50 ms')]));
  expect(handler.gaps).toBe(0);
});

test('nobody else can keep up a link that hears nothing of its own', async () => {
  const downs: unknown[] = [];
  const transport: Transport = {
    connect: async ({ onMessage }) => ({
      maxBytes: 7_999,
      // Whoever reads the channel knows the sender and the number of its probe.
      send: async (message) => {
        const { from, probe } = JSON.parse(message);
        for (const number of [probe, probe + 1]) onMessage(JSON.stringify({ from, probe: number }));
      },
    }),
  };
  keys.hasUnsignedInstances = true;
  const context = { keyring: await keys.keyring('c'), onDown: (error: unknown) => void downs.push(error) };
  const broker = new TransportBroker(transport, context, { timeoutMs: 50 });
  brokers.push(broker);
  const handler = new RecordingHandler();
  await broker.subscribe(handler);
  await eventually(() => expect(downs).toEqual([new Error('the message to itself took longer than 50 ms')]));
  expect(handler.gaps).toBe(0);
});

test('without any key the operator is told, and what to do about it', async () => {
  const downs: unknown[] = [];
  const transport: Transport = { connect: async () => ({ maxBytes: 7_999, send: async () => {} }) };
  keys.keys = [];
  const context = { keyring: await keys.keyring('c'), onDown: (error: unknown) => void downs.push(error) };
  const broker = new TransportBroker(transport, context, { timeoutMs: 50 });
  brokers.push(broker);
  await broker.subscribe(new RecordingHandler());
  await eventually(() =>
    expect(downs).toEqual([expect.objectContaining({ message: expect.stringContaining('broker_key is empty') })]),
  );
});

describe('Redis', () => {
  if (!redis.binary) return skipFor('redis', 'Redis with settings of its own', redis);
  const { binary } = redis;
  let server: ServerProcess;
  let url: string;
  beforeAll(async () => {
    server = await startRedisServer(binary);
    url = `redis://127.0.0.1:${server.port}`;
  });
  afterAll(() => server.stop());

  test('applications with prefixes of their own hear nothing of each other', async () => {
    const channel = newChannel();
    const [one, two, other] = await Promise.all(
      ['a', 'a', 'b'].map((prefix) => subscribe(redisBroker({ url, prefix }), channel)),
    );
    await Promise.all([one, two, other].map((member) => isUp(member as never)));
    one?.broker.publish([{ tenant: 't', recipient: 'x' }]);
    await hear(two as never, 'x');
    expect(other?.handler.calls).toEqual([]);
  });

  test('a user who may not subscribe is reported', async () => {
    const { createClient } = await import('redis');
    const admin = await createClient({ url }).connect();
    await admin.sendCommand(['ACL', 'SETUSER', 'mute', 'on', '>pw', '+@all', 'resetchannels']);
    await admin.close();
    const { downs, handler } = await subscribe(redisBroker({ url: url.replace('://', '://mute:pw@') }));
    await eventually(() =>
      expect(downs).toEqual([expect.objectContaining({ message: expect.stringContaining('NOPERM') })]),
    );
    expect(handler.gaps).toBe(0);
  });
});

describe('NATS', () => {
  if (!nats.binary) return skipFor('nats', 'NATS with settings of its own', nats);
  const { binary } = nats;
  let directory: string;
  let server: ServerProcess;
  let servers: string;
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'ncn-test-nats-'));
    const config = join(directory, 'nats.conf');
    writeFileSync(
      config,
      `max_payload: 1024
       authorization { users: [
         { user: crm, password: pw }
         { user: mute, password: pw, permissions: { subscribe: { deny: ">" } } }
       ] }`,
    );
    server = await startNatsServer(binary, ['--config', config]);
    servers = `nats://127.0.0.1:${server.port}`;
  });
  afterAll(async () => {
    await server.stop();
    rmSync(directory, { recursive: true });
  });

  const as = (user: string) => ({ servers, client: { user, pass: 'pw' } });

  test('messages are no longer than the server takes', async () => {
    const channel = newChannel();
    const [one, two] = [
      await subscribe(natsBroker(as('crm')), channel),
      await subscribe(natsBroker(as('crm')), channel),
    ];
    await Promise.all([isUp(one), isUp(two)]);
    const hints = hintsAt(500);
    one.broker.publish([...hints, { tenant: 't', signal: `{"type":"t","data":{"text":"${'x'.repeat(2_000)}"}}` }]);
    await hear(two, 'user-499');
    expect(two.handler.hints).toEqual(hints);
    expect([one.downs, two.downs]).toEqual([[], []]);
  });

  test('applications with prefixes of their own hear nothing of each other', async () => {
    const channel = newChannel();
    const [one, two, other] = await Promise.all(
      ['a', 'a', 'b'].map((prefix) => subscribe(natsBroker({ ...as('crm'), prefix }), channel)),
    );
    await Promise.all([one, two, other].map((member) => isUp(member as never)));
    one?.broker.publish([{ tenant: 't', recipient: 'x' }]);
    await hear(two as never, 'x');
    expect(other?.handler.calls).toEqual([]);
  });

  test.each(['mute', 'stranger'])('a user who may not subscribe is reported: %s', async (user) => {
    const { downs, handler } = await subscribe(natsBroker(as(user)));
    await eventually(() =>
      expect(downs).toEqual([expect.objectContaining({ message: expect.stringMatching(/permission|authorization/i) })]),
    );
    expect(handler.gaps).toBe(0);
  });
});
