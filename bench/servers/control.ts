import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type Answer, type Listening, type Message, monotonicUs, type Request, type Targeted } from './protocol.js';

/** A server, as far as a measurement needs to know it. */
export interface Measured extends Listening {
  /** Sends to one recipient. What is returned is awaited before the measurement counts as done. */
  send(to: number, message: Message): unknown;
  broadcast(message: Message): unknown;
  /** Sends one message to several. @default `send` to each */
  sendToMany?(to: readonly number[], message: Message): unknown;
  connections(): number;
}

const TITLE = 'The Acme deal is yours now';

/** Tells the measurement where the server listens, and does what it asks for, until it goes away. */
export function control(server: Measured): void {
  const sent = new Map<number, number>();
  const next = (to: number, padding?: number): Message => {
    const n = (sent.get(to) ?? 0) + 1;
    sent.set(to, n);
    const message: Message = { mark: `#${to},${n},${monotonicUs()}#`, title: TITLE, url: `/deals/${n}` };
    if (padding) message.padding = 'x'.repeat(padding);
    return message;
  };
  const targeted = ({ messages, perSecond, recipients, first = 0 }: Targeted) =>
    paced(messages, perSecond, (i) => {
      const to = first + (i % recipients);
      return server.send(to, next(to));
    });
  const handle = async (request: Request): Promise<Answer> => {
    switch (request.do) {
      case 'targeted':
        await targeted(request);
        return { done: true };
      case 'offer': {
        const all = Array.from({ length: request.recipients }, (_, user) => user);
        const sendToMany =
          server.sendToMany ?? ((to, message) => Promise.all(to.map((one) => server.send(one, message))));
        const offering = paced(request.messages, request.perSecond, () => sendToMany(all, next(-1, request.padding)));
        await Promise.all([offering, targeted(request.beside)]);
        return { done: true };
      }
      case 'broadcast':
        await paced(request.messages, request.perSecond, () => server.broadcast(next(-1)));
        return { done: true };
      case 'collect':
        collectGarbage();
        return { done: true };
      case 'connections':
        return { connections: server.connections() };
    }
  };
  process.on('message', (request: Request) => {
    handle(request).then(
      (answer) => process.send?.(answer),
      (error: Error) => process.send?.({ failed: String(error.stack) } satisfies Answer),
    );
  });
  // Whoever started us is gone.
  process.once('disconnect', () => process.exit(0));
  const { port, protocol, pid, liveMark, path } = server;
  process.send?.({ port, protocol, pid, liveMark, path } satisfies Listening);
}

/** All of it, as V8 does it by itself some time after a storm. */
function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}

/** What is due each 10 ms goes at once: waking up for each message would cost more than any server's message. */
async function paced(count: number, perSecond: number, one: (i: number) => unknown): Promise<void> {
  const began = performance.now();
  const pending: unknown[] = [];
  for (let i = 0; i < count; ) {
    const due = Math.min(count, Math.floor(((performance.now() - began) * perSecond) / 1_000) + 1);
    for (; i < due; i++) pending.push(one(i));
    await sleep(10);
  }
  await Promise.all(pending);
}
