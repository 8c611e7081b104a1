import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Hint } from '../../src/notifications/broker/broker.js';
import type { Keyring } from '../../src/notifications/broker/keyring.js';
import { encodeGap, encodeHints } from '../../src/notifications/broker/message.js';
import { eventually } from '../support/eventually.js';
import { skipFor } from '../support/skip-for.js';
import { BROKER_KITS, type BrokerServer } from './broker-kits.js';
import { hear, hintsAt, Members, newChannel } from './broker-members.js';

const KITS = BROKER_KITS.filter(({ startServer }) => startServer);
const SIGNAL: Hint = { tenant: 'acme', recipient: 'alice', signal: '{"type":"forged","data":{}}' };
const CHANGE: Hint = { tenant: 'acme', recipient: 'bob', change: { revision: 7, read: [1] } };
const MARKER: Hint = { tenant: 'acme', recipient: 'marker' };

/** One message of another instance, not signed yet. */
function messageOf(...hints: Hint[]): string {
  return encodeHints('another', hints, 100_000).messages[0] as string;
}

describe.each(KITS)('Messages that others put on the channel: $name', ({ name, service, found, startServer }) => {
  if (service && !found.binary && !found.url) return skipFor(service, `foreign messages to ${name}`, found);

  let server: BrokerServer;
  const members = new Members(() => server);

  beforeAll(async () => {
    server = (await startServer?.()) as BrokerServer;
  });
  afterEach(() => members.close());
  afterAll(() => server.dispose());

  /** An instance that listens, and what signs as another one of the same channel does. */
  async function listen() {
    const channel = newChannel();
    const [member, keyring] = [await members.join({ channel }), await members.keys.keyring(channel)];
    const send = (...texts: string[]) => server.sendRaw(channel, ...texts);
    return { channel, member, keyring, send };
  }

  test('what an instance has signed is believed, signals and details too', async () => {
    const { member, keyring, send } = await listen();
    await send(keyring.sign(messageOf(SIGNAL, CHANGE)), keyring.sign(messageOf(MARKER)));
    await hear(member, 'marker');
    expect(member.handler.calls).toEqual([[SIGNAL, CHANGE], [MARKER]]);
    expect(member.handler.gaps).toBe(1);
  });

  test('what nobody has signed, or not with a key of the table, or for another channel, or otherwise, is not', async () => {
    const { channel, member, keyring, send } = await listen();
    const stranger = Object.assign(Object.create(members.keys) as typeof members.keys, {
      keys: [{ id: 1, secret: Buffer.alloc(32, 'guessed'), isRipe: true }],
    });
    const [guessed, elsewhere] = [await stranger.keyring(channel), await members.keys.keyring(`${channel}2`)];
    const signed = (by: Keyring) => by.sign(messageOf(SIGNAL, { tenant: 'acme', recipient: 'alice' }));
    await send(
      messageOf(SIGNAL),
      messageOf({ tenant: 'acme', recipient: 'alice' }),
      encodeGap('another'),
      signed(guessed),
      signed(elsewhere),
      signed(keyring).replace('alice', 'alfie'),
      signed(keyring).replace('"key":1', '"key":2'),
      signed(keyring).replace(/"mac":"[^"]+"/, '"mac":""'),
      signed(keyring).replace(/,"n":\d+/, (n) => `${n}0`),
      `${signed(keyring).slice(0, -1)},"hints":[["acme","alice"]]}`,
      keyring.sign(messageOf(MARKER)),
    );
    await hear(member, 'marker');
    expect(member.handler.hints).toEqual([MARKER]);
    expect([member.handler.gaps, member.downs]).toEqual([1, []]);
    await eventually(() => expect(members.keys.foreign).toBe(1));
  });

  test('while an instance of a version that does not sign is alive, messages without a signature say where to look', async () => {
    members.keys.hasUnsignedInstances = true;
    const { member, keyring, send } = await listen();
    await send(messageOf(SIGNAL, CHANGE, { tenant: 'acme' }), messageOf(SIGNAL), encodeGap('another'));
    await send(keyring.sign(messageOf(MARKER)));
    await hear(member, 'marker');
    expect(member.handler.calls).toEqual([[{ tenant: 'acme', recipient: 'bob' }, { tenant: 'acme' }], [MARKER]]);
    expect(member.handler.gaps).toBe(2);
  });

  test('an instance that does not sign and starts later is believed as soon as it is known', async () => {
    const { member, send } = await listen();
    members.keys.hasUnsignedInstances = true;
    await send(messageOf({ tenant: 'acme', recipient: 'alice' }));
    // It was not believed, but it may have been the only word of something.
    await eventually(() => expect(member.handler.gaps).toBe(2));
    await send(messageOf(MARKER));
    await hear(member, 'marker');
    expect(members.keys.foreign).toBe(0);
  });

  test('what comes a second time, or late, shows nothing again: it makes for a look at everything', async () => {
    const { channel, member, keyring, send } = await listen();
    members.keys.behindMs = 31_000;
    const late = await members.keys.keyring(channel);
    const [first, second] = [keyring.sign(messageOf(SIGNAL)), keyring.sign(messageOf(CHANGE))];
    await send(first, second, first, second);
    await eventually(() => expect(member.handler.gaps).toBe(3));
    await send(late.sign(messageOf(SIGNAL).replace('another', 'a third')));
    await eventually(() => expect(member.handler.gaps).toBe(4));
    expect(member.handler.calls).toEqual([[SIGNAL], [CHANGE]]);
  });

  test('a new key is believed as soon as it is met, and what came before that is a gap', async () => {
    const { channel, member, send } = await listen();
    members.keys.keys = [{ id: 2, secret: Buffer.alloc(32, 'two'), isRipe: true }, ...members.keys.keys];
    const ahead = await members.keys.keyring(channel);
    await send(ahead.sign(messageOf(SIGNAL)));
    await eventually(() => expect(member.handler.gaps).toBe(2));
    await send(ahead.sign(messageOf(MARKER)));
    await hear(member, 'marker');
    expect([member.handler.hints, members.keys.foreign]).toEqual([[MARKER], 0]);
  });

  test('a flood of them makes for a look at the keys every two seconds, and nothing else', async () => {
    const { member, keyring, send } = await listen();
    const reads = members.keys.reads;
    const forged = messageOf(SIGNAL, ...hintsAt(150));
    await send(...Array.from({ length: 2_000 }, () => forged), keyring.sign(messageOf(MARKER)));
    await eventually(() => expect(member.handler.hasHeard('marker')).toBe(true), { timeoutMs: 20_000 });
    expect(member.handler.hints).toEqual([MARKER]);
    // The flood may take some seconds on a busy machine.
    expect(members.keys.reads - reads).toBeLessThan(10);
  });

  // A NOTIFY takes no more than 8,000 bytes, which hold fewer: there is nothing to try.
  if (name === 'postgresBroker') return;

  describe('one that is too long, or of too many hints', () => {
    const many = messageOf(...Array.from({ length: 5_001 }, (): Hint => ({ tenant: '', recipient: '' })));
    const long = messageOf(...hintsAt(4_000));

    test('is a gap', async () => {
      members.keys.hasUnsignedInstances = true;
      const { member, keyring, send } = await listen();
      await send(many, keyring.sign(many), long);
      await eventually(() => expect(member.handler.gaps).toBe(4));
      await send(keyring.sign(messageOf(MARKER)));
      await hear(member, 'marker');
      expect([member.handler.hints, member.handler.gaps]).toEqual([[MARKER], 4]);
    });

    test('is nothing where all instances sign: none of them writes one so long', async () => {
      const { member, keyring, send } = await listen();
      await send(many, long, keyring.sign(long), keyring.sign(messageOf(MARKER)));
      await hear(member, 'marker');
      expect([member.handler.hints, member.handler.gaps]).toEqual([[MARKER], 1]);
    });
  });
});

describe('A signature', () => {
  const members = new Members(() => {
    throw new Error('without a server');
  });
  afterEach(() => members.close());

  test('is passed over by versions that know none', async () => {
    const keyring = await members.keys.keyring('c');
    expect(JSON.parse(keyring.sign(messageOf(SIGNAL)))).toMatchObject(JSON.parse(messageOf(SIGNAL)));
    expect(JSON.parse(keyring.sign(encodeGap('x')))).toMatchObject({ from: 'x', gap: true });
  });

  test('is made with the newest key that every instance has had the time to read; where none is ripe, with the oldest', async () => {
    const key = (id: number, isRipe: boolean) => ({ id, secret: Buffer.alloc(32, id), isRipe });
    for (const [keys, used] of [
      [[key(3, false), key(2, true), key(1, true)], 2],
      [[key(3, false), key(2, false)], 2],
      [[key(1, false)], 1],
    ] as const) {
      members.keys.keys = [...keys];
      const keyring = await members.keys.keyring('c');
      const text = keyring.sign(encodeGap('x'));
      expect(JSON.parse(text).key).toBe(used);
      expect(keyring.verify(text)).toEqual({ number: 1, ageMs: expect.any(Number) });
    }
  });
});
