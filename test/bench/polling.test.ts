import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type Polled, type PolledAnswer, type PolledRequest, unreadCountOf } from '../../bench/servers/polled.js';
import { Child } from '../../bench/support/child.js';
import { KeptAliveConnection } from '../../bench/support/kept-alive-connection.js';
import { eventually } from '../support/eventually.js';

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"unread":7}';

describe('a connection that polls', () => {
  let server: Server;
  let answer: (socket: Socket, request: string) => void;
  let connection: KeptAliveConnection;
  let sockets: Socket[];

  beforeEach(async () => {
    sockets = [];
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('data', (request) => answer(socket, String(request)));
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    connection = await KeptAliveConnection.open((server.address() as AddressInfo).port, Buffer.alloc(1_024));
  });

  afterEach(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  test('asks one thing after the other, and gets the answers in their order', async () => {
    const asked: string[] = [];
    answer = (socket, request) => {
      asked.push(request.slice(0, request.indexOf('\r\n')));
      setTimeout(() => socket.write(OK.replace('7', String(asked.length))), 20);
    };
    const answers = await Promise.all([connection.get('/a'), connection.get('/b')]);
    expect(answers).toEqual(['{"unread":1}', '{"unread":2}']);
    expect(asked).toEqual(['GET /a HTTP/1.1', 'GET /b HTTP/1.1']);
    expect(sockets).toHaveLength(1);
  });

  test('puts an answer together that comes in pieces', async () => {
    answer = async (socket) => {
      for (const piece of [OK.slice(0, 30), OK.slice(30, 50), OK.slice(50)]) {
        socket.write(piece);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    };
    expect(await connection.get('/a')).toBe('{"unread":7}');
  });

  test.each([
    ['another status', OK.replace('200 OK', '429 Too Many Requests')],
    ['more than was announced', `${OK}!`],
  ])('refuses %s', async (_, wrong) => {
    answer = (socket) => socket.write(wrong);
    await expect(connection.get('/a')).rejects.toThrow('Not the answer to a poll');
  });

  test('notices that the server has closed it', async () => {
    answer = (socket) => socket.end();
    await expect(connection.get('/a')).rejects.toThrow('has closed a connection');
    await expect(connection.get('/b')).rejects.toThrow('has closed a connection');
  });
});

test.each(['raw-polling', 'nest-polling'])('%s tells everybody their own count, over one connection', async (name) => {
  const server = Child.start<PolledRequest, PolledAnswer>(new URL(`../../bench/servers/${name}.ts`, import.meta.url));
  try {
    const { port } = await server.next<Polled>();
    const connection = await KeptAliveConnection.open(port, Buffer.alloc(1_024));
    for (const user of [0, 7, 123, 9_999]) {
      expect(await connection.get(`/unread-count?user=${user}`)).toBe(`{"unread":${unreadCountOf(user)}}`);
    }
    await eventually(async () => expect(await server.ask({ do: 'connections' })).toEqual({ connections: 1 }));
  } finally {
    await server.end();
  }
});
