import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a client and a server, and can be made to fail as networks do. */
export interface TcpProxy {
  readonly port: number;
  /** Connections that clients have open to it. */
  readonly connections: number;
  /** Connections that there have ever been. */
  readonly accepted: number;
  /**
   * Half-open: nothing passes any more, in neither direction, and nothing is closed. `open`: the connections that there
   * are; new ones work. `all`: new ones too, which are accepted and never answered.
   */
  silence(which: 'open' | 'all'): void;
  /** New connections work again; those that were silenced stay so. */
  restore(): void;
  /** Breaks all connections, the silenced ones too. */
  cut(): void;
  close(): Promise<void>;
}

/**
 * @param to the port of a server on 127.0.0.1; it need not be up yet.
 * @param onRequest sees what clients send; connections are numbered from 1.
 */
export async function startTcpProxy(
  to: number,
  onRequest?: (connection: number, chunk: Buffer) => void,
): Promise<TcpProxy> {
  const pairs = new Set<{ client: Socket; upstream?: Socket; silent: boolean }>();
  let silent = false;
  let accepted = 0;
  const server = createServer((client) => {
    const pair: { client: Socket; upstream?: Socket; silent: boolean } = { client, silent };
    pairs.add(pair);
    accepted += 1;
    const connection = accepted;
    client.on('error', () => {});
    client.on('close', () => {
      pairs.delete(pair);
      pair.upstream?.destroy();
    });
    // Read, so that a client that leaves is noticed.
    if (silent) return void client.resume();
    const upstream = connect(to, '127.0.0.1');
    pair.upstream = upstream;
    upstream.on('error', () => {});
    upstream.on('close', () => pair.silent || client.destroy());
    client.on('data', (chunk) => {
      onRequest?.(connection, chunk);
      if (!pair.silent) upstream.write(chunk);
    });
    upstream.on('data', (chunk) => pair.silent || client.write(chunk));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const cut = () => {
    for (const { client, upstream } of pairs) {
      client.destroy();
      upstream?.destroy();
    }
  };
  return {
    port: (server.address() as AddressInfo).port,
    get connections() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    silence: (which) => {
      silent = which === 'all';
      for (const pair of pairs) pair.silent = true;
    },
    restore: () => {
      silent = false;
    },
    cut,
    close: async () => {
      server.close();
      cut();
      await once(server, 'close');
    },
  };
}
