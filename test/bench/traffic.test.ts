import { afterEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { StatementRecorder } from '../../bench/compare/statement-recorder.js';
import { normalised, type Step } from '../../bench/compare/traffic.js';
import { trafficDifferences } from '../../bench/compare/traffic-differences.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.js';

let database: TestDatabase | undefined;
let proxy: TcpProxy | undefined;

afterEach(async () => {
  await proxy?.close();
  await database?.drop();
  [proxy, database] = [undefined, undefined];
});

function startup(): Buffer {
  const content = Buffer.from('\0\x03\0\0user\0me\0\0', 'latin1');
  return Buffer.concat([length(content), content]);
}

function message(type: string, ...strings: string[]): Buffer {
  const content = Buffer.from(strings.map((one) => `${one}\0`).join(''));
  return Buffer.concat([Buffer.from(type), length(content), content]);
}

function length(content: Buffer): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(content.length + 4);
  return bytes;
}

function recorded(...messages: Buffer[]): string[] {
  const recorder = new StatementRecorder();
  recorder.read(1, Buffer.concat([startup(), ...messages]));
  return recorder.take();
}

test('each execution of a statement counts, prepared once or each time', () => {
  expect(
    recorded(
      message('Q', 'SELECT  1\n  + 1'),
      message('P', '', 'SELECT $1'),
      message('B', '', ''),
      message('P', 'named', 'SELECT 2'),
      message('B', '', 'named'),
      message('E', ''),
      message('S'),
      message('B', '', 'named'),
    ),
  ).toEqual(['SELECT 1 + 1', 'SELECT $1', 'SELECT 2', 'SELECT 2']);
});

test('a transaction is one, from its begin to its end, and a savepoint does not end it', () => {
  const texts = [
    'BEGIN',
    'SAVEPOINT a',
    'SELECT 1',
    'ROLLBACK TO SAVEPOINT a',
    'COMMIT',
    'SELECT 2',
    'BEGIN; ROLLBACK',
  ];
  expect(recorded(...texts.map((text) => message('Q', text)))).toEqual([
    'BEGIN; SAVEPOINT a; SELECT 1; ROLLBACK TO SAVEPOINT a; COMMIT',
    'SELECT 2',
    'BEGIN; ROLLBACK',
  ]);
});

test('connections are told apart, and bytes may come in any pieces', () => {
  const recorder = new StatementRecorder();
  const [one, other] = ['one', 'other'].map((name) =>
    Buffer.concat([startup(), message('P', '', `SELECT '${name}'`), message('B', '', '')]),
  ) as [Buffer, Buffer];
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    recorder.read(1, one.subarray(i, i + 1));
    recorder.read(2, other.subarray(i, i + 1));
  }
  expect(recorder.take().sort()).toEqual([`SELECT 'one'`, `SELECT 'other'`]);
  expect(recorder.take()).toEqual([]);
});

test('what a real client executes is recorded on its way to a real Postgres', async () => {
  database = await createTestDatabase();
  const recorder = new StatementRecorder();
  proxy = await startTcpProxy(Number(new URL(database.url).port), (connection, chunk) =>
    recorder.read(connection, chunk),
  );
  const connectionString = Object.assign(new URL(database.url), { port: String(proxy.port) }).href;
  const client = new pg.Client({ connectionString });
  await client.connect();
  await client.query('BEGIN');
  for (const n of [1, 2]) await client.query({ name: 'named', text: 'SELECT $1::int', values: [n] });
  await client.query('COMMIT');
  await client.query('SELECT\n  $1::text', ['é'.repeat(100_000)]);
  await client.end();
  expect(recorder.take()).toEqual(['BEGIN; SELECT $1::int; SELECT $1::int; COMMIT', 'SELECT $1::text']);
});

test('ids, times and tokens are not compared, and everything else is', () => {
  const frame = (uuid: string, us: number) =>
    `Date: Mon, 30 Nov 2026 15:16:12 GMT\r\nid: 1\ndata: {"id":"${uuid}","mark":"#3,1,${us}#","createdAt":"2026-11-30T15:16:1${us % 10}.000Z"}\n\n`;
  const [one, other] = [
    frame('019ad5a2-7a4e-7000-8000-000000000001', 11),
    frame('019ad5a2-7a4e-7000-8000-000000000002', 22),
  ];
  expect(normalised(one)).toBe(normalised(other));
  expect(normalised(one)).toBe(
    'Date: <time>\r\nid: 1\ndata: {"id":"<uuid>","mark":"#3,1,<time>#","createdAt":"<time>"}\n\n',
  );
  const answer = (body: string, hash: string) =>
    `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\nETag: W/"${body.length.toString(16)}-${hash}"\r\n\r\n${body}`;
  expect(normalised(answer('{"unread":1}', 'a'))).toBe(normalised(answer('{"unread":1}', 'b')));
  expect(normalised(answer('{"unread":1}', 'a'))).not.toBe(normalised(answer('{"unread":10}', 'a')));
  // Of a token, not even the length is always the same.
  expect(normalised(answer('{"token":"eyJh.eyJi.c-_1"}', 'a'))).toBe(
    normalised(answer('{"token":"eyJh.eyJi.c"}', 'b')),
  );
});

function step(name: string, { statements = [], bytes = '', isIdle = false }: Partial<Step>): Step {
  return { name, statements, bytes, isIdle };
}

test('versions that send the same have no differences, however often their timers fire', () => {
  const before = [
    step('nothing happens', { statements: ['POLL', 'POLL'], isIdle: true }),
    step('send', { statements: ['INSERT', 'NOTIFY', 'POLL'], bytes: 'id: 1\n' }),
  ];
  const after = [
    step('nothing happens', { statements: ['POLL'], isIdle: true }),
    step('send', { statements: ['NOTIFY', 'INSERT'], bytes: 'id: 1\n' }),
  ];
  expect(trafficDifferences(before, after)).toEqual([]);
});

test('a statement more, another frame, and another timer are differences', () => {
  const before = [
    step('nothing happens', { statements: ['POLL'], isIdle: true }),
    step('send', { statements: ['INSERT'], bytes: 'id: 1\nretry: 3000\n' }),
  ];
  const after = [
    step('nothing happens', { statements: ['POLL', 'COUNT'], isIdle: true }),
    step('send', { statements: ['INSERT', 'INSERT'], bytes: 'id: 1\nretry: 5000\n' }),
    step('leave', { statements: ['DELETE'] }),
  ];
  expect(trafficDifferences(before, after)).toEqual([
    'nothing happens: statement + 1 × COUNT',
    'send: statement - 1 × INSERT',
    'send: statement + 2 × INSERT',
    'send: bytes - 1 × "retry: 3000"',
    'send: bytes + 1 × "retry: 5000"',
    'leave: statement + 1 × DELETE',
  ]);
});

test('the same lines in another order are a difference', () => {
  const [before, after] = ['a\nb', 'b\na'].map((bytes) => [step('send', { bytes })]) as [Step[], Step[]];
  expect(trafficDifferences(before, after)).toEqual(['send: bytes - "a\\nb"', 'send: bytes + "b\\na"']);
});
