import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { JWK } from 'jose';

/** A JWKS endpoint on localhost. */
export interface KeySetServer {
  uri: string;
  /** How the next requests are answered. */
  answer: { status: number; keys: JWK[] };
  requests: number;
  close(): Promise<void>;
}

export async function serveKeySet(...keys: JWK[]): Promise<KeySetServer> {
  const server = createServer((_, response) => {
    keySet.requests++;
    response.writeHead(keySet.answer.status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify({ keys: keySet.answer.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const keySet: KeySetServer = {
    uri: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`,
    answer: { status: 200, keys },
    requests: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return keySet;
}
