import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { Hint } from '../../src/notifications/broker/broker.js';
import { eventually } from '../support/eventually.js';
import { skipFor } from '../support/skip-for.js';
import { BROKER_KITS, type BrokerServer, withoutServer } from './broker-kits.js';
import { hear, hintsAt, Members, newChannel } from './broker-members.js';

describe.each(BROKER_KITS)('The contract of a broker: $name', ({ name, service, found, startServer }) => {
  if (service && !found.binary && !found.url) return skipFor(service, `the contract of ${name}`, found);

  let server: BrokerServer;
  const members = new Members(() => server);

  beforeAll(async () => {
    server = startServer ? await startServer() : withoutServer();
  });
  afterEach(() => members.close());
  afterAll(() => server.dispose());

  test('hints arrive at every other instance of the channel, and at nobody else', async () => {
    const channel = newChannel();
    const [sender, one, two] = await Promise.all([1, 2, 3].map(() => members.join({ channel })));
    const [database, schema] = channel.split('.');
    const strangers = await Promise.all(
      [`${database}2.${schema}`, `${database}.${schema}2`].map((other) => members.join({ channel: other })),
    );

    sender?.broker.publish([{ tenant: '', recipient: 'alice' }, { tenant: 'acme' }]);
    for (const member of [one, two]) {
      await eventually(() =>
        expect(member?.handler.hints).toEqual([{ tenant: '', recipient: 'alice' }, { tenant: 'acme' }]),
      );
    }
    // Whatever there was for the strangers is there before what another one of their channel says.
    for (const [i, other] of [`${database}2.${schema}`, `${database}.${schema}2`].entries()) {
      const neighbour = await members.join({ channel: other });
      neighbour.broker.publish([{ tenant: '', recipient: 'marker' }]);
      await eventually(() => expect(strangers[i]?.handler.hints).toEqual([{ tenant: '', recipient: 'marker' }]));
    }
  });

  test('small details of a change and signals ride along', async () => {
    const channel = newChannel();
    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    const hints: Hint[] = [
      { tenant: 'acme', recipient: 'a', change: { revision: 7, read: [1, 2] } },
      { tenant: 'acme', recipient: 'b', change: { revision: 1, readUpTo: 12 } },
      {
        tenant: 'acme',
        recipient: 'a',
        signal: '{"type":"import.progress","data":{"done":3,"note":"\\n\\"ü\\" 站内信"}}',
      },
      { tenant: 'acme', signal: '{"type":"maintenance","data":{}}' },
    ];
    sender.broker.publish(hints);
    await eventually(() => expect(other.handler.hints).toEqual(hints));
  });

  test('hints at the same inbox within a moment go out as one, with the newest details', async () => {
    const channel = newChannel();
    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    for (let revision = 1; revision <= 500; revision++) {
      sender.broker.publish([{ tenant: 'acme', recipient: 'busy', change: { revision, read: [revision] } }]);
      sender.broker.publish([{ tenant: 'acme', recipient: 'busy' }]);
    }
    // Announced late, as two calls that race do.
    sender.broker.publish([{ tenant: 'acme', recipient: 'busy', change: { revision: 499, read: [499] } }]);
    await hear(other, 'busy');
    sender.broker.publish([{ tenant: 'acme', recipient: 'marker' }]);
    await hear(other, 'marker');
    expect(other.handler.calls).toEqual([
      [{ tenant: 'acme', recipient: 'busy', change: { revision: 500, read: [500] } }],
      [{ tenant: 'acme', recipient: 'marker' }],
    ]);
  });

  test('thousands of inboxes are split over as many messages as the transport needs', async () => {
    const channel = newChannel();
    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    const hints = hintsAt(5_000);
    sender.broker.publish(hints);
    await hear(other, 'user-4999');
    expect(other.handler.hints).toEqual(hints);
    expect(other.handler.calls.length).toBeLessThan(50);
    expect(other.handler.gaps).toBe(1);
  });

  test('the longest ids, details and signals arrive', async () => {
    const channel = newChannel();
    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    const [tenant, recipient] = ['𝄞'.repeat(255), '站'.repeat(255)];
    const quotes = '"'.repeat(2_000);
    const signal = JSON.stringify({ type: '"'.repeat(100), data: { quotes, rest: 'ü'.repeat(30) } });
    const large: Hint = {
      tenant,
      recipient,
      change: { revision: 1, read: Array.from({ length: 1_000 }, (_, i) => 10 ** 14 + i) },
    };
    sender.broker.publish([
      large,
      { tenant, recipient: 'x', change: { revision: 2, read: [10 ** 14] } },
      { tenant, recipient, signal },
    ]);
    await eventually(() =>
      expect(other.handler.hints).toEqual([
        name === 'inProcessBroker' ? large : { tenant, recipient },
        { tenant, recipient: 'x', change: { revision: 2, read: [10 ** 14] } },
        { tenant, recipient, signal },
      ]),
    );
    expect(other.handler.gaps).toBe(1);
  });

  test('a burst of 100,000 inboxes becomes a gap, and of as many signals some are dropped', async () => {
    const channel = newChannel();
    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    const hints = hintsAt(100_000);
    for (const hint of hints) sender.broker.publish([hint]);
    sender.broker.publish(hints.map((hint) => ({ ...hint, signal: '{"type":"t","data":{}}' })));
    await eventually(() => expect(other.handler.gaps).toBe(2));
    await eventually(() => expect(other.handler.hints.length).toBeGreaterThan(0));

    sender.broker.publish([{ tenant: 'acme', recipient: 'marker' }]);
    await hear(other, 'marker');
    expect(other.handler.gaps).toBe(2);
    expect(other.handler.hints.length).toBeLessThan(50_000);
    expect(other.handler.calls.length).toBeLessThan(1_000);
  });

  test('publish() neither throws nor waits: before subscribe(), with nothing, after close()', async () => {
    const channel = newChannel();
    const [other, early] = await Promise.all([members.join({ channel }), members.create({ channel })]);
    expect(early.broker.publish([{ tenant: 'acme', recipient: 'early' }])).toBeUndefined();
    expect(early.broker.publish([])).toBeUndefined();
    await early.broker.subscribe(early.handler);
    // It arrives as it is, or as the word that something is missing.
    await eventually(() => expect(other.handler.hints.length + other.handler.gaps - 1).toBeGreaterThan(0));

    await early.broker.close();
    expect(early.broker.publish([{ tenant: 'acme', recipient: 'late' }])).toBeUndefined();
    const another = await members.join({ channel });
    another.broker.publish([{ tenant: 'acme', recipient: 'marker' }]);
    await hear(other, 'marker');
    expect(other.handler.recipients).not.toContain('late');
  });

  test('what was published just before close() is still sent, and nothing is heard after it', async () => {
    const channel = newChannel();
    const [leaving, other, third] = await Promise.all([1, 2, 3].map(() => members.join({ channel })));
    leaving?.broker.publish([{ tenant: 'acme', recipient: 'last-words' }]);
    await leaving?.broker.close();
    await eventually(() => expect(other?.handler.recipients).toEqual(['last-words']));

    third?.broker.publish([{ tenant: 'acme', recipient: 'afterwards' }]);
    await eventually(() => expect(other?.handler.recipients).toContain('afterwards'));
    expect(leaving?.handler.calls).toEqual([]);
    expect(leaving?.handler.gaps).toBe(1);
  });

  test('close() may be called twice, before subscribe(), and right after it', async () => {
    const channel = newChannel();
    const [idle, brief] = await Promise.all([members.create({ channel }), members.create({ channel })]);
    await idle.broker.close();
    await idle.broker.subscribe(idle.handler);
    await brief.broker.subscribe(brief.handler);
    await Promise.all([brief.broker.close(), brief.broker.close(), idle.broker.close()]);
    const gaps = brief.handler.gaps;

    const [sender, other] = await Promise.all([members.join({ channel }), members.join({ channel })]);
    sender.broker.publish([{ tenant: 'acme', recipient: 'marker' }]);
    await hear(other, 'marker');
    expect([idle.handler.gaps, brief.handler.gaps]).toEqual([0, gaps]);
    expect([...idle.handler.calls, ...brief.handler.calls]).toEqual([]);
  });
});
