import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { postgresBroker } from '../../src/notifications/index.js';
import { STREAM_WRITERS } from '../support/adapters.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { inboxRows } from '../support/inbox-rows.js';
import { NO_SWEEP, startInstances } from '../support/instances.js';
import { StreamClient } from '../support/stream-client.js';

/** What one that is 255 characters long may take at most: four bytes each. */
const longest = (character: string) => character.repeat(255);

describe.each(STREAM_WRITERS)('Signals, streams by %s', (streamWriter) => {
  let database: TestDatabase;
  let here: CrmApp;
  let there: CrmApp;
  let people = 0;
  let alice: string;
  let bob: string;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    [here, there] = (await startInstances(database, 2, { streamWriter, ...NO_SWEEP })) as [CrmApp, CrmApp];
  });

  beforeEach(() => {
    people += 1;
    alice = `alice ${people}`;
    bob = `bob ${people}`;
  });

  afterAll(async () => {
    await Promise.all([here, there].map((crm) => crm.close()));
    await database.drop();
  });

  async function open(crm: CrmApp, user: string, tenant?: string): Promise<StreamClient> {
    return await StreamClient.open(crm.url, await accessToken(user, tenant === undefined ? {} : { tenant }));
  }

  /** What has come before a last signal that is for this one alone: signals of one instance keep their order. */
  async function signalsOf(client: StreamClient, user: string, tenant?: string) {
    here.notifications.signal(user, 'end', {}, { tenant });
    const has = () => client.of('signal').some((frame) => frame.data.type === 'end');
    await client.until(has);
    client.close();
    return client.of('signal').flatMap(({ data }) => (data.type === 'end' ? [] : [data]));
  }

  test('reach every live stream of those that they name, on every instance, and nobody else', async () => {
    const [here1, here2, there1, bobs, namesake, carols] = await Promise.all([
      open(here, alice),
      open(here, alice),
      open(there, alice),
      open(there, bob),
      open(there, alice, 'acme'),
      open(here, `carol ${people}`),
    ]);
    here.notifications.signal(alice, 'to.one', { n: 1 });
    here.notifications.signal([bob, alice, bob, 'nobody'], 'to.many', { n: 2 });
    here.notifications.signal(alice, 'to.tenant', { n: 3 }, { tenant: 'acme' });
    here.notifications.signalAll('to.all');
    here.notifications.signalAll('to.all.of.acme', { n: 5 }, { tenant: 'acme' });

    const [one, many, all] = [
      { type: 'to.one', data: { n: 1 } },
      { type: 'to.many', data: { n: 2 } },
      { type: 'to.all', data: {} },
    ];
    for (const stream of [here1, here2, there1]) expect(await signalsOf(stream, alice)).toEqual([one, many, all]);
    expect(await signalsOf(bobs, bob)).toEqual([many, all]);
    expect(await signalsOf(carols, `carol ${people}`)).toEqual([all]);
    expect(await signalsOf(namesake, alice, 'acme')).toEqual([
      { type: 'to.tenant', data: { n: 3 } },
      { type: 'to.all.of.acme', data: { n: 5 } },
    ]);
  });

  test('are live only: not stored, not replayed, and the cursor stays where it was', async () => {
    const [near, far] = await Promise.all([open(here, alice), open(there, alice)]);
    for (const title of ['one', 'two']) await here.notifications.notify(alice, { type: 't', title });
    await Promise.all([near, far].map((client) => client.until(() => client.of('state').at(-1)?.id === '2')));
    const before = await inboxRows(database, alice);

    here.notifications.signal(alice, 'progress', { done: 1 });
    for (const client of [near, far]) {
      await client.until(() => client.of('signal').length === 1);
      expect(client.frames.at(-1)).toEqual({ event: 'signal', id: '2', data: { type: 'progress', data: { done: 1 } } });
      client.close();
    }
    expect(await inboxRows(database, alice)).toEqual(before);
    expect(await database.query("SELECT FROM notifications.message WHERE type = 'progress'")).toEqual([]);

    // Somebody who is there when it comes: once it has come, it is over.
    const witness = await open(there, alice);
    here.notifications.signal(alice, 'progress', { done: 2 });
    await witness.until(() => witness.of('signal').length === 1);
    witness.close();
    await here.notifications.notify(alice, { type: 't', title: 'three' });
    const again = await StreamClient.open(there.url, await accessToken(alice), { lastEventId: near.lastEventId });
    await again.until(() => again.of('state').length === 1);
    expect(again.ids).toEqual([3]);
    expect([...again.of('signal'), ...again.of('reset')]).toEqual([]);
    again.close();
  });

  test('of a stream without any notification leave it at its beginning', async () => {
    const client = await open(there, alice);
    here.notifications.signal(alice, 'progress');
    await client.until(() => client.of('signal').length === 1);
    client.close();
    expect(client.lastEventId).toBe('0');
    await here.notifications.notify(alice, { type: 't', title: 'the first' });
    const again = await StreamClient.open(here.url, await accessToken(alice), { lastEventId: client.lastEventId });
    await again.until(() => again.ids.length === 1);
    again.close();
  });

  // NOTIFY takes less than 8,000 bytes: nothing that is allowed may be more than that with all that goes with it.
  test.each([
    ['of four bytes each', '𝄞'],
    ['that JSON escapes', '"'],
  ])('of 4,096 bytes get through NOTIFY, with the longest ids and type of characters %s', async (_, character) => {
    const [user, tenant] = [longest(character), longest(character)];
    const type = character.repeat(100);
    const overhead = Buffer.byteLength(JSON.stringify({ text: '' }));
    const data = { text: character === '"' ? character.repeat((4_096 - overhead) / 2) : 'x'.repeat(4_096 - overhead) };
    data.text += 'x'.repeat(4_096 - Buffer.byteLength(JSON.stringify(data)));
    const client = await open(there, user, tenant);
    here.notifications.signal(user, type, data, { tenant });
    await client.until(() => client.of('signal').length === 1);
    client.close();
    expect(client.of('signal')[0]?.data).toEqual({ type, data });

    const tooMuch = { text: `${data.text}x` };
    for (const send of [
      () => here.notifications.signal(user, type, tooMuch, { tenant }),
      () => here.notifications.signalAll(type, tooMuch, { tenant }),
    ]) {
      expect(send).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
      expect(send).toThrow('data has 4097 bytes as JSON; 4096 are allowed. Store the rest, and send its id.');
    }
  });

  test('bytes are counted, not characters', () => {
    const send = () => here.notifications.signal(alice, 't', { text: '好'.repeat(1_400) });
    expect(send).toThrow(/data has 4211 bytes/);
  });

  const circular: Record<string, unknown> = {};
  circular.self = circular;
  const unreadable = Object.defineProperty({}, 'tenant', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  const badArguments: [what: string, args: unknown[], message: RegExp][] = [
    ['no recipient', [undefined, 't'], /^recipients must be a list of at least one/],
    ['an empty list', [[], 't'], /^recipients must be a list of at least one/],
    ['a number as recipient', [7, 't'], /^recipients must be a list/],
    ['a recipient that is no string', [['bob', null], 't'], /^recipient must be a string, not null/],
    ['an empty recipient', ['', 't'], /^recipient must not be empty/],
    ['a recipient of 256 characters', ['x'.repeat(256), 't'], /^recipient is too long/],
    ['a recipient with a line break', ['a\nb', 't'], /^recipient must not contain control/],
    ['too many recipients', [Array.from({ length: 100_001 }, (_, i) => `${i}`), 't'], /100,000 are allowed/],
    ['no type', ['bob', undefined], /^type must be a string, not undefined/],
    ['an empty type', ['bob', ''], /^type must not be empty/],
    ['a type of 101 characters', ['bob', 'x'.repeat(101)], /^type is too long/],
    ['a type with half a character', ['bob', '\ud800'], /^type must not contain a lone surrogate/],
    ['data that is null', ['bob', 't', null], /^data must be a JSON object, not null/],
    ['data that is a list', ['bob', 't', [1]], /^data must be a JSON object, not an array/],
    ['data that is a string', ['bob', 't', 'x'], /^data must be a JSON object/],
    ['data with a BigInt', ['bob', 't', { n: 1n }], /^data\.n is a bigint/],
    ['data with a cycle', ['bob', 't', circular], /^data cannot be written as JSON/],
    ['data with U+0000', ['bob', 't', { a: '\0' }], /^data must not contain U\+0000/],
    ['a tenant that is no string', ['bob', 't', {}, { tenant: 7 }], /^tenant must be a string/],
    ['options that are null', ['bob', 't', {}, null], /^The options must be an object, not null/],
    ['a misspelt option', ['bob', 't', {}, { tennant: 'acme' }], /^tennant is not a field of the options of a signal/],
    ['options that throw', ['bob', 't', {}, unreadable], /^The options cannot be read: no\./],
  ];

  test.each(badArguments)('%s: INVALID_ARGUMENT at once, and nobody gets anything', async (_, args, message) => {
    const client = await open(here, 'bob');
    const { notifications } = here;
    const calls = [() => notifications.signal(...(args as Parameters<typeof notifications.signal>))];
    // The same without recipients.
    if (args[0] === 'bob') {
      calls.push(() => notifications.signalAll(...(args.slice(1) as Parameters<typeof notifications.signalAll>)));
    }
    for (const call of calls) {
      expect(call).toThrow(expect.objectContaining({ name: 'NotificationsError', code: 'INVALID_ARGUMENT' }));
      expect(call).toThrow(message);
    }
    expect(await signalsOf(client, 'bob')).toEqual([]);
  });

  test('a client that does not read misses them, and nothing else', async () => {
    const client = await open(there, alice);
    const witness = await open(there, alice);
    client.pause();
    // More than the kernel takes for it.
    const body = '好'.repeat(10_000);
    for (let i = 0; i < 10; i++) {
      const titles = Array.from({ length: 30 }, (_, n) => `${i}.${n}`);
      await Promise.all(titles.map((title) => here.notifications.notify(alice, { type: 't', title, body })));
    }
    await witness.until(() => witness.ids.length === 300);
    here.notifications.signal(alice, 'missed');
    await witness.until(() => witness.of('signal').length === 1);

    client.resume();
    await client.until(() => client.ids.length === 300);
    here.notifications.signal(alice, 'seen');
    await client.until(() => client.of('signal').length > 0);
    expect(client.of('signal').map((frame) => frame.data.type)).toEqual(['seen']);
    expect(client.ids).toEqual(witness.ids);
    client.close();
    witness.close();
  });

  test('in a burst that nobody could take end no stream, and take no place from notifications', async () => {
    const [near, far] = await Promise.all([open(here, alice), open(there, alice)]);
    // 40 MB in one turn of the event loop: no socket can say in between that it is full.
    const data = { text: 'x'.repeat(4_000) };
    for (let i = 0; i < 10_000; i++) here.notifications.signal(alice, 'burst', data);
    await here.notifications.notify(alice, { type: 't', title: 'after the burst' });
    for (const client of [near, far]) {
      await client.until(() => client.ids.length === 1);
      expect(client.ended).toBe(false);
      const { length } = client.of('signal');
      expect(length).toBeGreaterThan(0);
      expect(length).toBeLessThan(1_000);
      here.notifications.signal(alice, 'later');
      await client.until(() => client.of('signal').at(-1)?.data.type === 'later');
      client.close();
    }
  });

  test('need no broker on their own instance, and whoever sends does not notice that it is down', async () => {
    const alone = await startCrmApp(database, {
      notifications: { streamWriter, broker: postgresBroker({ url: 'postgres://postgres@127.0.0.1:1/none' }) },
    });
    const client = await open(alone, alice);
    alone.notifications.signal([alice, bob], 'progress');
    alone.notifications.signalAll('progress');
    await client.until(() => client.of('signal').length === 2);
    client.close();
    await alone.close();
    alone.notifications.signal(alice, 'after the end');
  });
});
