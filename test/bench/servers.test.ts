import { afterEach, describe, expect, test } from '@jest/globals';
import { findOptional } from '../../bench/servers/optional.js';
import type { Answer, Listening, Request } from '../../bench/servers/protocol.js';
import { Child } from '../../bench/support/child.js';
import { eventually } from '../support/eventually.js';
import { connectTo, type PeerClient } from './support/peer-client.js';

const SERVERS = [
  'raw-http',
  'nest-sse-tutorial',
  'nest-sse-map',
  'better-sse',
  'ws',
  'socket-io',
  'nest-socket-io',
  'go',
  'nchan',
];

function leftOut(name: string): string | undefined {
  if (name !== 'go' && name !== 'nchan') return undefined;
  const found = findOptional(name);
  return 'leftOut' in found ? found.leftOut : undefined;
}

type ServerProcess = Child<Request, Listening | Answer>;

let server: ServerProcess | undefined;
let clients: PeerClient[] = [];

afterEach(async () => {
  for (const client of clients) client.close();
  clients = [];
  await server?.end();
});

async function connected(): Promise<number> {
  return (await (server as ServerProcess).ask<{ connections: number }>({ do: 'connections' })).connections;
}

describe.each(SERVERS)('%s', (name) => {
  const why = leftOut(name);
  (why ? test.skip : test)(why ?? 'sends to whom it should, in order, and to all', async () => {
    server = Child.start<Request, Listening | Answer>(new URL(`../../bench/servers/${name}.ts`, import.meta.url));
    const { port, protocol, path = '/stream?user=' } = await server.next<Listening>();
    clients = await Promise.all([0, 1, 2].map((user) => connectTo(protocol, port, `${path}${user}`)));
    await eventually(async () => expect(await connected()).toBe(3));

    await server.ask({ do: 'targeted', messages: 4, perSecond: 1_000, recipients: 2, first: 1 });
    await server.ask({ do: 'broadcast', messages: 2, perSecond: 1_000 });

    const heard = () => clients.map(({ received }) => received.map(({ mark }) => mark.replace(/,\d+#$/, '')));
    const everybody = ['#-1,1', '#-1,2'];
    await eventually(() =>
      expect(heard()).toEqual([everybody, ['#1,1', '#1,2', ...everybody], ['#2,1', '#2,2', ...everybody]]),
    );
    expect(clients[1]?.received[0]).toEqual({
      mark: expect.stringMatching(/^#1,1,\d+#$/),
      title: 'The Acme deal is yours now',
      url: '/deals/1',
    });

    clients.pop()?.close();
    await eventually(async () => expect(await connected()).toBe(2));
  });
});
