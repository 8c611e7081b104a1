import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a server that is polled tells first, over IPC. */
export interface Polled {
  port: number;
}

export type PolledRequest = { do: 'connections' };

export type PolledAnswer = { connections: number } | { failed: string };

const RECIPIENTS = 10_000;

/** As from a cache: what a poll costs without any query. */
export function unreadCounts(): Map<number, number> {
  return new Map(Array.from({ length: RECIPIENTS }, (_, user) => [user, unreadCountOf(user)]));
}

/** No two neighbours have the same, so that an answer to somebody else is noticed. */
export function unreadCountOf(user: number): number {
  return user % 100;
}

/** Tells the measurement where the server listens, and answers it, until it goes away. */
export function controlPolled(server: Server): void {
  process.on('message', () => {
    server.getConnections((error, connections) => {
      process.send?.((error ? { failed: String(error) } : { connections }) satisfies PolledAnswer);
    });
  });
  // Whoever started us is gone.
  process.once('disconnect', () => process.exit(0));
  process.send?.({ port: (server.address() as AddressInfo).port } satisfies Polled);
}
