import { setTimeout as sleep } from 'node:timers/promises';
import { unreadCountOf } from '../servers/polled.js';
import { KeptAliveConnection } from './kept-alive-connection.js';

/** What the polling clients are asked: so many polls at a steady rate, user after user, over so many connections. */
export type PollRequest = { port: number; connections: number; polls: number; perSecond: number };

export type PollAnswer = { done: true } | { failed: string };

const buffer = Buffer.allocUnsafeSlow(64 * 1024);
const connections: KeptAliveConnection[] = [];

async function poll(i: number): Promise<void> {
  const user = i % connections.length;
  const body = await (connections[user] as KeptAliveConnection).get(`/unread-count?user=${user}`);
  if (body !== `{"unread":${unreadCountOf(user)}}`) throw new Error(`User ${user} was told ${body}`);
}

async function pollAll({ port, connections: count, polls, perSecond }: PollRequest): Promise<void> {
  while (connections.length < count) connections.push(await KeptAliveConnection.open(port, buffer));
  const began = performance.now();
  const underWay: Promise<void>[] = [];
  for (let i = 0; i < polls; ) {
    const due = Math.min(polls, Math.floor(((performance.now() - began) * perSecond) / 1_000) + 1);
    for (; i < due; i++) underWay.push(poll(i));
    // What is due by then goes at once: waking up for each would cost the client more than the poll.
    await sleep(10);
  }
  await Promise.all(underWay);
}

const answer = (message: PollAnswer) => process.send?.(message);
process.on('message', (request: PollRequest) => {
  pollAll(request).then(
    () => answer({ done: true }),
    (error: Error) => answer({ failed: String(error.stack) }),
  );
});
process.once('disconnect', () => process.exit(0));
