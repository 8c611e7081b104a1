import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { WebSocket } from 'ws';
import { ADAPTERS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('hello')
  hello(): { event: string; data: string } {
    return { event: 'hello', data: 'from the gateway' };
  }
}

/** Speaks the protocol of socket.io: https://socket.io/docs/v4/engine-io-protocol/ */
async function openSocket(url: string): Promise<{ socket: WebSocket; packets: string[] }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  const packets: string[] = [];
  socket.on('message', (data) => packets.push(String(data)));
  await once(socket, 'open');
  socket.send('40');
  await eventually(() => expect(packets.at(-1)).toMatch(/^40\{/));
  return { socket, packets };
}

describe.each(ADAPTERS)('A gateway of socket.io beside our streams, on %s', (_, create) => {
  let database: TestDatabase;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  test.each([
    ['behind the middleware of the host', null],
    ['past it', '/notifications/stream'],
  ])('each has its own connections, and app.close() ends both: streams %s', async (_way, directStreamPath) => {
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: { directStreamPath },
      providers: [Gateway],
    });
    cleanUp(() => crm.close());
    const { socket, packets } = await openSocket(crm.url);
    cleanUp(() => socket.terminate());
    const headers = { authorization: `Bearer ${await accessToken('ann')}` };
    const issued = await fetch(`${crm.url}/notifications/stream-token`, { method: 'POST', headers });
    const { token } = (await issued.json()) as { token: string };
    const stream = new StreamClient(`${crm.url}/notifications/stream?token=${token}`);
    cleanUp(() => stream.close());
    await stream.until(() => stream.of('ready').length === 1 || stream.ended);

    await crm.notifications.notify('ann', { type: 't', title: 'T' });
    await stream.until(() => stream.of('message').length === 1);
    socket.send('42["hello"]');
    await eventually(() => expect(packets.at(-1)).toBe('42["hello","from the gateway"]'));

    const closed = once(socket, 'close');
    await Promise.all([crm.close(), closed]);
    await stream.until(() => stream.ended);
    expect(stream.of('close')).toHaveLength(1);
  });
});
