import { EventEmitter } from 'node:events';
import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { type Adapter, HttpApp } from './http-app.js';

// A host whose requests come from no socket, as a process of its own: Jest can't load light-my-request, which is CommonJS and
// requires an ES module. Arguments: the adapter and the number of requests. Prints how many were answered, and how many of them
// and of their sockets are still held when the garbage is collected.
const [adapter, count] = process.argv.slice(2) as [Adapter, string];
const PATH = '/notifications/unread-count';
const ROUNDS = 50;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const seen: WeakRef<object>[] = [];
const host = await HttpApp.start({
  adapter,
  options: {
    streamToken: { secret: 'a secret for stream tokens' },
    authenticate: (request) => {
      const raw = (request.raw ?? request) as { socket: object };
      seen.push(new WeakRef(raw), new WeakRef(raw.socket));
      return { recipient: 'ann' };
    },
  },
});

/** Resolves with the status. */
const handOver: Record<Adapter, () => Promise<number>> = {
  // As serverless-http does: the socket emits nothing, and the response `finish` without `close`.
  express: () => {
    const request = new IncomingMessage(new EventEmitter() as Socket);
    Object.assign(request, { method: 'GET', url: PATH });
    const response = new ServerResponse(request);
    response.assignSocket(new Writable({ write: (_chunk, _encoding, done) => done() }) as Socket);
    return new Promise((resolve) => {
      response.once('finish', () => resolve(response.statusCode));
      host.app.getHttpAdapter().getInstance()(request, response);
    });
  },
  // As @fastify/aws-lambda does: the socket emits nothing.
  fastify: async () => (await (host.app as NestFastifyApplication).inject(PATH)).statusCode,
};

let answered = 0;
for (let i = 0; i < Number(count); i += 1) if ((await handOver[adapter]()) === 200) answered += 1;

const held = () => seen.filter((reference) => reference.deref()).length;
// A reference that was read keeps what it has until the next turn.
for (let i = 0; i < ROUNDS && held() > 0; i += 1) {
  await turn();
  collectGarbage();
}
process.stdout.write(JSON.stringify({ answered, seen: seen.length, held: held() }));
await host.close();
