import { once } from 'node:events';
import { EventSource } from 'eventsource';
import { WebSocket } from 'ws';
import type { Message, Protocol } from '../../../bench/servers/protocol.js';

/** A connection as a real client of that protocol has it, which keeps what it receives. */
export interface PeerClient {
  readonly received: Message[];
  close(): void;
}

/** Connects, and resolves once the server would reach it. */
export async function connectTo(protocol: Protocol, port: number, path: string): Promise<PeerClient> {
  if (protocol === 'sse') return await openEventSource(`http://127.0.0.1:${port}${path}`);
  return await openWebSocket(`ws://127.0.0.1:${port}${path}`, protocol);
}

async function openEventSource(url: string): Promise<PeerClient> {
  const received: Message[] = [];
  const source = new EventSource(url);
  source.addEventListener('message', ({ data }) => received.push(JSON.parse(data)));
  await once(source as never, 'open');
  return { received, close: () => source.close() };
}

/** https://socket.io/docs/v4/engine-io-protocol/ and https://socket.io/docs/v4/socket-io-protocol/, as far as it goes here. */
async function openWebSocket(url: string, protocol: 'websocket' | 'socket.io'): Promise<PeerClient> {
  const received: Message[] = [];
  const client = new WebSocket(url);
  let connected = () => {};
  const ready = new Promise<void>((resolve) => {
    connected = resolve;
  });
  client.on('message', (data, isBinary) => {
    const text = String(data);
    if (isBinary) throw new Error('A binary frame');
    if (protocol === 'websocket') received.push(JSON.parse(text));
    else if (text.startsWith('0{')) client.send('40');
    else if (text.startsWith('40{')) connected();
    else if (text === '2') client.send('3');
    else if (text.startsWith('42["message",')) received.push(JSON.parse(text.slice(2))[1]);
    else throw new Error(`Unexpected: ${text}`);
  });
  await once(client, 'open');
  if (protocol === 'socket.io') await ready;
  return { received, close: () => client.terminate() };
}
