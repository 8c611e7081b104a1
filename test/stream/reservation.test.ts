import { PassThrough } from 'node:stream';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { Connection } from '../../src/notifications/stream/connection.js';
import type { Hub } from '../../src/notifications/stream/hub.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { Collected, StreamParts } from '../support/stream-parts.js';

const ANN = { tenant: '', recipient: 'ann' };
const BOB = { tenant: '', recipient: 'bob' };

/** A response as Node keeps one that waits behind another on its connection: it has no socket, its request has. */
function queuedResponse() {
  const socket = new PassThrough();
  return Object.assign(new PassThrough(), { req: { socket } });
}

describe('A reservation', () => {
  let database: TestDatabase;
  let parts: StreamParts;
  let hub: Hub;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    parts = await StreamParts.start(database.url);
  });

  beforeEach(() => {
    hub = parts.hub({ maxStreamsPerRecipient: 2, maxStreams: 3 });
  });

  afterEach(async () => {
    await hub.shutdown();
  });

  afterAll(async () => {
    await parts.close();
    await database.drop();
  });

  function connectAll(): Connection[] {
    return [ANN, ANN, BOB].map((key) => hub.reserve(key).connect(new Collected().sink) as Connection);
  }

  test('counts as the connection that it becomes: each place once', () => {
    const reserved = hub.reserve(ANN);
    expect(hub.connections()).toBe(0);
    const connection = reserved.connect(new Collected().sink);
    expect(hub.connections()).toBe(1);
    // It is over.
    reserved.release();
    hub.reserve(ANN);
    expect(() => hub.reserve(ANN)).toThrow('maxStreamsPerRecipient');
    hub.reserve(BOB);
    expect(() => hub.reserve(BOB)).toThrow('maxStreams allows');
    connection?.close();
    hub.reserve(ANN);
    expect(() => hub.reserve(ANN)).toThrow('maxStreamsPerRecipient');
  });

  test('is made into one connection at most, and none after it is given back', () => {
    const used = hub.reserve(ANN);
    used.connect(new Collected().sink);
    const released = hub.reserve(ANN);
    released.release();
    released.release();
    for (const reservation of [used, released]) {
      const late = new Collected();
      expect(reservation.connect(late.sink)).toBeUndefined();
      expect(late.completed).toBe(true);
    }
    expect(hub.connections(ANN)).toBe(1);
  });

  const ends: [how: string, end: (response: ReturnType<typeof queuedResponse>) => void][] = [
    ['was destroyed', (response) => response.destroy()],
    ['was ended by somebody else', (response) => response.end()],
    ['lost its connection before it had it', (response) => response.req.socket.destroy()],
    ['is on a connection whose client closed its side', (response) => response.req.socket.end()],
  ];

  describe.each(ends)('of a response that %s', (_, end) => {
    test('takes no place', () => {
      const response = queuedResponse();
      end(response);
      for (let i = 0; i < 5; i++) hub.reserve(ANN, response);
      const late = new Collected();
      expect(hub.reserve(ANN, response).connect({ ...late.sink, output: response })).toBeUndefined();
      expect(late.completed).toBe(true);
      connectAll();
      expect(hub.connections()).toBe(3);
    });

    test('gives its place to the next who asks, of the recipient or of another', () => {
      for (const [first, next] of [
        [ANN, ANN],
        [ANN, BOB],
      ] as const) {
        const responses = [first, first].map((key) => {
          const response = queuedResponse();
          hub.reserve(key, response);
          return response;
        });
        for (const response of responses) end(response);
        const connections = [hub.reserve(next), hub.reserve(next)].map((each) => each.connect(new Collected().sink));
        for (const connection of connections) connection?.close();
      }
    });

    test('closes the connection that it has become, though nobody asks', async () => {
      const response = queuedResponse();
      const stream = new Collected();
      hub.reserve(ANN, response).connect({ ...stream.sink, output: response });
      expect(hub.connections(ANN)).toBe(1);
      end(response);
      await eventually(() => expect(hub.connections(ANN)).toBe(0));
      expect(stream.completed).toBe(true);
      expect(response.destroyed).toBe(true);
    });
  });

  test('at maxStreams those that are gone make room for others', () => {
    const responses = [ANN, ANN, BOB].map((key) => {
      const response = queuedResponse();
      hub.reserve(key, response).connect({ ...new Collected().sink, output: response });
      return response;
    });
    for (const response of responses) response.destroy();
    connectAll();
    expect(hub.connections()).toBe(3);
  });

  test('those that hold their place refuse others without end', () => {
    connectAll();
    for (let i = 0; i < 1_000; i++) expect(() => hub.reserve(BOB)).toThrow('maxStreams allows');
    expect(hub.connections()).toBe(3);
  });
});
