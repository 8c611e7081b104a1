import { describe, expect, test } from '@jest/globals';
import { MarkCheck, Tally } from '../../bench/load/check.js';
import { EventStreamReader } from '../../bench/load/event-stream-reader.js';
import { WebSocketReader } from '../../bench/load/web-socket-reader.js';

const HEAD = 'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n';
const CHUNKED = `${HEAD}Transfer-Encoding: chunked\r\n\r\n`;

function chunk(text: string): string {
  return `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
}

function event(to: number, n: number, id = n): string {
  return `id: ${id}\ndata: {"mark":"#${to},${n},1000#","title":"Ein Vertrag für Zoë 合同"}\n\n`;
}

/** Recipient 7's stream, read in parts of so many bytes. */
function readStream(text: string, bytesAtOnce = Number.POSITIVE_INFINITY, liveMark?: string) {
  const tally = new Tally();
  let live = 0;
  const reader = new EventStreamReader(new MarkCheck(7, tally), liveMark, () => {
    live += 1;
  });
  const bytes = Buffer.from(text);
  // One buffer for all reads, as the client has it.
  const shared = Buffer.alloc(bytes.length);
  for (let at = 0; at < bytes.length; at += bytesAtOnce) {
    const part = bytes.subarray(at, Math.min(bytes.length, at + bytesAtOnce));
    part.copy(shared);
    reader.read(shared.subarray(0, part.length));
    shared.fill(0x58);
  }
  return { messages: tally.messages, live, lastEventId: reader.lastEventId };
}

describe('what a recipient may get', () => {
  test.each([
    [
      'the next of its own',
      [
        [7, 1],
        [7, 2],
      ],
      2,
    ],
    [
      'the next of those to everybody, from wherever they are',
      [
        [-1, 41],
        [-1, 42],
      ],
      2,
    ],
    [
      'both, each in its own order',
      [
        [7, 1],
        [-1, 5],
        [7, 2],
        [-1, 6],
      ],
      4,
    ],
  ] as [string, [number, number][], number][])('%s', (_, messages, count) => {
    expect(readStream(CHUNKED + messages.map(([to, n]) => chunk(event(to, n))).join('')).messages).toBe(count);
  });

  test.each([
    [
      'Lost',
      [
        [7, 1],
        [7, 3],
      ],
    ],
    ['Lost', [[7, 2]]],
    [
      'Lost',
      [
        [-1, 1],
        [-1, 3],
      ],
    ],
    [
      'Doubled or out of order',
      [
        [7, 1],
        [7, 1],
      ],
    ],
    [
      'Doubled or out of order',
      [
        [-1, 2],
        [-1, 1],
      ],
    ],
    ['Misrouted', [[8, 1]]],
  ] as [string, [number, number][]][])('%s: %j', (reason, messages) => {
    const body = messages.map(([to, n]) => chunk(event(to, n))).join('');
    expect(() => readStream(CHUNKED + body)).toThrow(reason);
  });
});

describe('an event stream', () => {
  const body = ['\n', 'event: ready\nid: 4\nretry: 3000\ndata: {}\n\n', event(7, 1, 5), event(7, 2, 6), ': hello\n\n'];

  test.each([1, 2, 3, 7, 64, 1_000])('is the same in parts of %i bytes', (size) => {
    const expected = { messages: 2, live: 1, lastEventId: '6' };
    expect(readStream(CHUNKED + body.map(chunk).join(''), size, 'event: ready')).toEqual(expected);
    expect(readStream(`${HEAD}\r\n${body.join('')}`, size, 'event: ready')).toEqual(expected);
  });

  test('is live with the first byte of its body, where it has no mark for it', () => {
    expect(readStream(CHUNKED).live).toBe(0);
    expect(readStream(CHUNKED + chunk('\n')).live).toBe(1);
  });

  test('may leave out the space after a colon', () => {
    expect(readStream(CHUNKED + chunk(event(7, 1, 12).replace('id: ', 'id:').replace('data: ', 'data:')))).toEqual({
      messages: 1,
      live: 1,
      lastEventId: '12',
    });
  });

  test.each([
    ['refused', 'HTTP/1.1 401 Unauthorized\r\nContent-Type: text/event-stream\r\n\r\n', 'was refused'],
    ['something else', 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n', 'no event stream'],
    ['ended', `${CHUNKED}0\r\n\r\n`, 'has ended'],
    ['a chunk longer than it says', `${CHUNKED}2\r\nabcd\r\n`, 'another size'],
    ['a chunk without a size', `${CHUNKED}xyz\r\nabcd\r\n`, 'no size'],
    ['a frame without a mark', CHUNKED + chunk('id: 1\ndata: {}\n\n'), 'broken frame'],
    ['a mark that is cut off', CHUNKED + chunk('data: #7,1,10x0#\n\n'), 'broken mark'],
  ])('%s fails the run', (_, text, reason) => {
    expect(() => readStream(text)).toThrow(reason);
  });
});

describe('a WebSocket', () => {
  const UPGRADED = Buffer.from('HTTP/1.1 101 Switching Protocols\r\n\r\n');

  function frame(text: string, opcode = 1): Buffer {
    const payload = Buffer.from(text);
    const { length } = payload;
    const head = length < 126 ? [0x80 | opcode, length] : [0x80 | opcode, 126, length >> 8, length & 0xff];
    return Buffer.concat([Buffer.from(head), payload]);
  }

  function readSocket(parts: Buffer[], bytesAtOnce: number, engineIo = false) {
    const tally = new Tally();
    const written: Buffer[] = [];
    let live = 0;
    const onLive = () => {
      live += 1;
    };
    const reader = new WebSocketReader(new MarkCheck(7, tally), engineIo, (bytes) => written.push(bytes), onLive);
    const bytes = Buffer.concat(parts);
    for (let at = 0; at < bytes.length; at += bytesAtOnce) reader.read(bytes.subarray(at, at + bytesAtOnce));
    return { messages: tally.messages, live, written: written.map((one) => one.subarray(6).toString()) };
  }

  const message = (n: number) => `{"mark":"#7,${n},1000#","padding":"${'x'.repeat(n * 100)}"}`;

  test.each([1, 3, 100, 10_000])('is the same in parts of %i bytes, and answers pings', (size) => {
    const parts = [UPGRADED, frame(message(1)), frame('are you there?', 9), frame(message(2))];
    expect(readSocket(parts, size)).toEqual({ messages: 2, live: 1, written: ['are you there?'] });
  });

  test.each([1, 10_000])('with Engine.IO in parts of %i bytes: shakes hands, answers pings', (size) => {
    const parts = [
      UPGRADED,
      ...['0{"sid":"a"}', '40{"sid":"b"}', '2', `42["message",${message(1)}]`].map((t) => frame(t)),
    ];
    expect(readSocket(parts, size, true)).toEqual({ messages: 1, live: 1, written: ['40', '3'] });
  });

  test.each([
    ['refused', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], 'refused'],
    ['closed', [UPGRADED, frame('', 8)], 'of type 8'],
    ['without a mark', [UPGRADED, frame('{}')], 'broken frame'],
    ['lost', [UPGRADED, frame(message(2))], 'Lost'],
  ])('%s fails the run', (_, parts, reason) => {
    expect(() => readSocket(parts, 10_000)).toThrow(reason);
  });
});
