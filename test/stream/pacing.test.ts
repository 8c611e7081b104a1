import { createServer, get, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Writable } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Connection } from '../../src/notifications/stream/connection.js';
import type { HubOptions } from '../../src/notifications/stream/hub.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

const KEY = { tenant: '', recipient: 'ann' };

/** A response whose client takes nothing until it is told to. */
class Stuck extends Writable {
  bytes = 0;
  private pending?: () => void;

  constructor() {
    super({ highWaterMark: 16_384 });
  }

  override _write(chunk: Buffer, _: string, done: () => void): void {
    this.bytes += chunk.length;
    this.pending = done;
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.bytes += chunks.reduce((sum, { chunk }) => sum + chunk.length, 0);
    this.pending = done;
  }

  drain(): void {
    const { pending } = this;
    this.pending = undefined;
    pending?.();
  }
}

describe('A connection and what it writes to', () => {
  let database: TestDatabase;
  let parts: StreamParts;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  beforeEach(async () => {
    await database.query('TRUNCATE notifications.inbox, notifications.inbox_item, notifications.message');
    parts = await StreamParts.start(database.url);
  });

  afterEach(async () => {
    await parts.close();
  });

  afterAll(async () => {
    await database.drop();
  });

  /** Connects as the controller does: every frame is written to the response. */
  function connect(output: Writable, options: Partial<HubOptions> = {}, lastEventId?: string) {
    const hub = parts.hub(options);
    const stream = new Collected();
    const connection: Connection = hub.connect(KEY, {
      lastEventId,
      output,
      next: (frames) => {
        stream.sink.next(frames);
        for (const { id, data } of frames) output.write(`id: ${id}\ndata: ${data}\n\n`);
      },
      complete: () => {
        stream.sink.complete();
        output.end();
      },
    });
    output.on('close', () => connection.close());
    return { hub, stream, connection };
  }

  function bytesOf({ frames }: Collected): number {
    return frames.reduce((sum, { data }) => sum + Buffer.byteLength(data), 0);
  }

  test('of live ones no more than maxPendingBytes wait for a client that reads nothing, whatever the characters', async () => {
    const output = new Stuck();
    const { hub, stream } = connect(output, { maxPendingBytes: 50_000 });
    const healthy = new Collected();
    hub.connect(KEY, healthy.sink);
    await eventually(() => expect([...stream.types, ...healthy.types]).toEqual(['ready', 'ready']));
    for (let i = 1; i <= 100; i++) {
      await parts.deliver(KEY.recipient, 1, { body: '好'.repeat(2_000) });
      hub.onHints([KEY]);
      await eventually(() =>
        expect(healthy.frames.findLast(({ type }) => type === 'state')).toMatchObject({ id: String(i) }),
      );
    }
    // What stays below the high-water mark does not count, and one more may be over the limit.
    expect(bytesOf(stream)).toBeLessThan(50_000 + output.writableHighWaterMark + 6_500);

    for (let i = 0; stream.frames.filter((frame) => !frame.type).length < 100; i++) {
      output.drain();
      await new Promise((resolve) => setImmediate(resolve));
      if (i > 10_000) throw new Error(`only ${stream.types.length} frames`);
    }
    const ids = stream.frames.filter((frame) => !frame.type).map((frame) => Number(frame.id));
    expect(ids).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('whatever happens, it holds one listener of each kind, and none once it has ended', async () => {
    const output = new Stuck();
    const before = { drain: output.listenerCount('drain'), close: output.listenerCount('close') };
    const { hub, stream, connection } = connect(output, { maxPendingBytes: 0 });
    const closeListeners = output.listenerCount('close');
    await eventually(() => expect(stream.types).toEqual(['ready']));
    for (let i = 0; i < 30; i++) {
      await parts.deliver(KEY.recipient, 1, { body: 'x'.repeat(9_000) });
      hub.onHints([KEY]);
      await new Promise((resolve) => setImmediate(resolve));
      expect(output.listenerCount('drain')).toBeLessThanOrEqual(before.drain + 1);
      if (i % 3 === 2) output.drain();
    }
    connection.close();
    expect(output.listenerCount('drain')).toBe(before.drain);
    expect(output.listenerCount('close')).toBe(closeListeners);
    expect(output.writableCorked).toBe(0);
    output.destroy();
  });

  test('closed between a write and the turn that would let it out, it leaves no cork in', async () => {
    const output = new Stuck();
    const { stream, connection } = connect(output);
    await eventually(() => expect(stream.types).toEqual(['ready']));
    connection.tick(Date.now());
    expect(output.writableCorked).toBe(1);
    connection.close();
    expect(output.writableCorked).toBe(0);
    output.destroy();
  });

  describe('over a real socket', () => {
    let server: Server;
    let client: IncomingMessage;
    let response: ServerResponse;

    beforeEach(async () => {
      server = createServer().listen(0, '127.0.0.1');
      const accepted = new Promise<ServerResponse>((resolve) => server.once('request', (_, res) => resolve(res)));
      await new Promise((resolve) => server.once('listening', resolve));
      const request = get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent: false });
      const answered = new Promise<IncomingMessage>((resolve) => request.once('response', resolve));
      response = await accepted;
      response.flushHeaders();
      client = await answered;
      client.on('error', () => {});
      client.pause();
    });

    afterEach(() => {
      client.destroy();
      server.close();
    });

    test('a response that is not read after its close frame is cut off', async () => {
      const { stream, connection } = connect(response, { slowClientMs: 100 });
      await eventually(() => expect(stream.types).toEqual(['ready']));
      // Below the high-water mark nothing tells that the client does not read: only what follows does.
      while (queued(response) === 0) {
        response.write('x'.repeat(4_096));
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(response.writableNeedDrain).toBe(false);
      connection.end('age');
      expect(stream.types.at(-1)).toBe('close');
      await eventually(() => expect(response.closed).toBe(true));
      client.resume();
      await eventually(() => expect(client.closed).toBe(true));
      expect(client.complete).toBe(false);
    });

    test('slowClientMs passes only while nothing drains: a client that reads slowly stays', async () => {
      const { stream, connection } = connect(response, { slowClientMs: 1_000, maxReplay: 1_000_000 }, '0');
      await eventually(() => expect(stream.types).toContain('ready'));
      response.write('x'.repeat(100_000_000));
      await parts.deliver(KEY.recipient);
      connection.tick(Date.now());
      await new Promise((resolve) => setImmediate(resolve));
      let now = Date.now();
      for (let step = 0; step < 5; step++) {
        const left = queued(response);
        await readSome(client, () => queued(response) < left);
        now += 900;
        connection.tick(now);
        expect(stream.completed).toBe(false);
      }
      expect(response.writableNeedDrain).toBe(true);
      connection.tick(now + 900);
      connection.tick(now + 2_000);
      expect(stream.completed).toBe(true);
      expect(stream.types).not.toContain('close');
    });
  });
});

/** Bytes that the kernel has not taken yet. */
function queued(response: ServerResponse): number {
  const { _handle } = response.socket as unknown as { _handle?: { writeQueueSize: number } };
  return _handle?.writeQueueSize ?? 0;
}

async function readSome(client: IncomingMessage, isEnough: () => boolean): Promise<void> {
  const onData = () => {
    if (isEnough()) client.pause();
  };
  client.on('data', onData);
  client.resume();
  await eventually(() => expect(isEnough()).toBe(true));
  client.pause();
  client.off('data', onData);
}
