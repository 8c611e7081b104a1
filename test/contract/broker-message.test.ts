import { describe, expect, test } from '@jest/globals';
import type { Hint } from '../../src/notifications/broker/broker.js';
import { decodeMessage, encodeGap, encodeHints, encodeProbe } from '../../src/notifications/broker/message.js';
import { seeded } from '../support/random.js';

const NOTIFY = 7_999;
const SENDER = '7b8c1c34-8a0e-4f6e-9a4d-0d6f3ad2c5b1';

function decodeAll(messages: readonly string[]): Hint[] {
  return messages.flatMap((message) => {
    const decoded = decodeMessage(message, true);
    return decoded && 'hints' in decoded ? decoded.hints : [];
  });
}

describe('Messages between instances', () => {
  test('are never longer than the transport takes, and lose nothing', async () => {
    await seeded(async (random) => {
      const letters = ['a', '"', '\\', 'ü', '站', '𝄞'];
      const id = () => Array.from({ length: random.between(1, 255) }, () => random.pick(letters)).join('');
      const hints = Array.from({ length: 500 }, (): Hint => {
        const hint: Hint = { tenant: id() };
        if (random.chance(0.9)) hint.recipient = id();
        if (random.chance(0.2)) hint.change = { revision: random.between(1, 9), unreadIds: [random.between(1, 9)] };
        else if (random.chance(0.25)) hint.signal = JSON.stringify({ type: 't', data: { text: id() } });
        return hint;
      });
      const { messages, left } = encodeHints(SENDER, hints, NOTIFY);
      expect(Math.max(...messages.map((message) => Buffer.byteLength(message)))).toBeLessThanOrEqual(NOTIFY);
      expect(decodeAll(messages)).toEqual(hints);
      expect(left).toBe(false);
    });
  });

  test('are as few as they can be', () => {
    const hints = Array.from({ length: 1_000 }, (_, i) => ({ tenant: 't', recipient: `user-${i + 1_000}` }));
    const { messages } = encodeHints(SENDER, hints, NOTIFY);
    const entries = hints.reduce((bytes) => bytes + '["t","user-1000"],'.length, 0);
    expect(messages).toHaveLength(Math.ceil(entries / (NOTIFY - 70)));
  });

  test.each([
    ['a signal with the longest ids, type and data', true],
    ['the largest details with the longest ids', false],
  ])('%s fits one NOTIFY', (_, isSignal) => {
    const place = { tenant: '𝄞'.repeat(255), recipient: '𝄞'.repeat(255) };
    // 4,096 bytes of JSON each.
    const data = { text: '"'.repeat(2_042) };
    const removed = Array.from({ length: 251 }, (__, i) => 10 ** 14 + i);
    const signal = JSON.stringify({ type: '\u0001'.repeat(100), data: { ...data, n: 1 } });
    const hint: Hint = isSignal ? { ...place, signal } : { ...place, change: { revision: 10 ** 14, removed } };
    const { messages } = encodeHints(SENDER, [hint], NOTIFY);
    expect(messages).toHaveLength(1);
    expect(Buffer.byteLength(messages[0] as string)).toBeLessThanOrEqual(NOTIFY);
    expect(decodeAll(messages)).toEqual([hint]);
  });

  test('leave details of more than 4 KiB behind', () => {
    const removed = Array.from({ length: 1_000 }, (_, i) => i + 1_000);
    const { messages, left } = encodeHints(
      SENDER,
      [{ tenant: '', recipient: 'a', change: { revision: 1, removed } }],
      NOTIFY,
    );
    expect(decodeAll(messages)).toEqual([{ tenant: '', recipient: 'a' }]);
    expect(left).toBe(false);
  });

  test('what fits no message at all is left, and told: hints as such, signals are gone', () => {
    const long = { tenant: 't', recipient: 'x'.repeat(255) };
    const [hint, signal] = [long, { ...long, signal: '{}' }];
    const small = { tenant: 't', recipient: 'y' };
    expect(encodeHints(SENDER, [hint, small], 200)).toEqual({ messages: [expect.stringContaining('"y"')], left: true });
    expect(encodeHints(SENDER, [signal, small], 200)).toEqual({ messages: [expect.any(String)], left: false });
  });

  test('say who sent them', () => {
    const { messages } = encodeHints(SENDER, [{ tenant: '' }], NOTIFY);
    const all = [...messages, encodeGap(SENDER), encodeProbe(SENDER, 7)];
    expect(all.map((text) => decodeMessage(text, true))).toEqual([
      { from: SENDER, hints: [{ tenant: '' }] },
      { from: SENDER, gap: true },
      { from: SENDER, probe: 7 },
    ]);
  });

  test('without a signature only tell where to look', () => {
    const hints: Hint[] = [
      { tenant: 't', recipient: 'a', change: { revision: 1, read: [1] } },
      { tenant: 't', recipient: 'a', signal: '{"type":"t","data":{}}' },
      { tenant: 't' },
    ];
    const [text = ''] = encodeHints(SENDER, hints, NOTIFY).messages;
    expect(decodeMessage(text, false)).toEqual({
      from: SENDER,
      hints: [{ tenant: 't', recipient: 'a' }, { tenant: 't' }],
    });
  });

  test('a signal is one line, whoever wrote it', () => {
    const text = '{"from":"x","hints":[["t",null,null,{"type":"t",\n\n"data":{}}]]}';
    expect(decodeMessage(text, true)).toEqual({
      from: 'x',
      hints: [{ tenant: 't', signal: '{"type":"t","data":{}}' }],
    });
  });

  test.each([
    '{"revision":1}',
    '{"revision":"1","read":[1]}',
    '{"revision":1,"read":[1.5]}',
    '{"revision":1,"read":["1"]}',
    '{"revision":1,"read":[1],"unread":0}',
    '{"revision":1,"readUpTo":null}',
    '{"revision":1,"lastId":9}',
    '[1]',
    '7',
  ])('the change %s is none', (change) => {
    expect(decodeMessage(`{"from":"x","hints":[["t","a",${change}]]}`, true)).toBeNull();
  });
});
