import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { percentile } from '../support/rounds.js';
import { MarkCheck, Tally } from './check.js';
import { EventStreamReader } from './event-stream-reader.js';
import type { Connect, LoadAnswer, LoadRequest } from './protocol.js';
import { WebSocketReader } from './web-socket-reader.js';

// The clients of a measurement, all in this process: plain sockets that share one buffer to read into.
interface Client {
  socket: Socket;
  check: MarkCheck;
  reader?: EventStreamReader | WebSocketReader;
}

const buffer = Buffer.allocUnsafeSlow(256 * 1024);
const tally = new Tally();
const clients = new Map<number, Client>();
const checks = new Map<number, MarkCheck>();
let failure: string | undefined;
let disconnecting = false;
let onChange = () => {};

function fail(recipient: number, error: unknown): void {
  failure ??= error instanceof Error ? error.message : `Recipient ${recipient}: ${String(error)}`;
  onChange();
}

function open(request: Connect, index: number): Promise<void> {
  const recipient = (request.first ?? 0) + index;
  const check = checks.get(recipient) ?? new MarkCheck(recipient, tally);
  checks.set(recipient, check);
  return new Promise((resolve) => {
    const onRead = (length: number, bytes: Uint8Array): boolean => {
      try {
        client.reader?.read((bytes as Buffer).subarray(0, length));
      } catch (error) {
        fail(recipient, error);
      }
      if (tally.messages >= expected || failure) onChange();
      return true;
    };
    const socket = connect({ port: request.port, host: '127.0.0.1', onread: { buffer, callback: onRead } });
    const client: Client = { socket, check };
    client.reader =
      request.protocol === 'sse'
        ? new EventStreamReader(check, request.liveMark, resolve)
        : new WebSocketReader(check, request.protocol === 'socket.io', (bytes) => socket.write(bytes), resolve);
    clients.set(recipient, client);
    socket.on('error', (error) => !disconnecting && fail(recipient, error));
    socket.on('close', () => !disconnecting && fail(recipient, new Error(`Recipient ${recipient} was disconnected`)));
    socket.write(requestHead(request, index));
  });
}

function requestHead({ protocol, paths, lastEventIds }: Connect, index: number): string {
  const lines = [
    `GET ${paths[index]} HTTP/1.1`,
    'Host: localhost',
    'User-Agent: Mozilla/5.0 (X11; Linux x86_64) bench',
  ];
  if (protocol === 'sse') {
    lines.push('Accept: text/event-stream', 'Cache-Control: no-cache');
    const lastEventId = lastEventIds?.[index];
    if (typeof lastEventId === 'string') lines.push(`Last-Event-ID: ${lastEventId}`);
  } else {
    lines.push('Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Version: 13');
    lines.push(`Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`);
  }
  return `${lines.join('\r\n')}\r\n\r\n`;
}

async function connectAll(request: Connect): Promise<LoadAnswer> {
  const began = performance.now();
  let next = 0;
  const worker = async () => {
    while (next < request.paths.length && !failure) await open(request, next++);
  };
  const failed = new Promise<void>((resolve) => {
    onChange = () => failure && resolve();
  });
  await Promise.race([Promise.all(Array.from({ length: request.underWay }, worker)), failed]);
  return { ms: performance.now() - began };
}

let expected = Number.POSITIVE_INFINITY;

async function expect(messages: number, timeoutMs: number): Promise<LoadAnswer> {
  expected = messages;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      failure ??= `Lost: ${tally.messages} of ${messages} messages have come after ${timeoutMs} ms`;
      resolve();
    }, timeoutMs);
    onChange = () => {
      if (!failure && tally.messages < messages) return;
      clearTimeout(timer);
      resolve();
    };
    onChange();
  });
  expected = Number.POSITIVE_INFINITY;
  if (tally.messages > messages) failure ??= `Doubled: ${tally.messages} messages have come, and ${messages} were sent`;
  const { latenciesUs } = tally;
  const ms = (percent: number) => percentile(latenciesUs, percent) / 1_000;
  const seen = { messages: tally.messages, p50: ms(50), p99: ms(99), max: ms(100) };
  tally.reset();
  return seen;
}

async function disconnect(): Promise<LoadAnswer> {
  disconnecting = true;
  const closed = [...clients.values()].map(
    ({ socket }) => new Promise((resolve) => socket.once('close', resolve).resetAndDestroy()),
  );
  clients.clear();
  await Promise.all(closed);
  disconnecting = false;
  return { done: true };
}

async function handle(request: LoadRequest): Promise<LoadAnswer> {
  switch (request.do) {
    case 'connect':
      return await connectAll(request);
    case 'expect':
      return await expect(request.messages, request.timeoutMs);
    case 'pause':
    case 'resume':
      for (let i = 0; i < request.count; i++) clients.get(request.first + i)?.socket[request.do]();
      return { done: true };
    case 'lastEventIds':
      return { lastEventIds: [...clients.values()].map(({ reader }) => reader?.lastEventId ?? null) };
    case 'disconnect':
      return await disconnect();
  }
}

process.on('message', async (request: LoadRequest) => {
  const answer = await handle(request).catch((error) => ({ failed: String(error) }));
  process.send?.(failure === undefined ? answer : { failed: failure });
});
process.once('disconnect', () => process.exit(0));
