import { afterEach, beforeEach, expect, test } from '@jest/globals';
import pg from 'pg';
import { type PrivatePostgres, startPrivatePostgres } from './postgres-server.js';

let server: PrivatePostgres;

beforeEach(async () => {
  server = await startPrivatePostgres({ max_connections: 20 });
});

afterEach(async () => {
  await server.dispose();
});

async function query(sql: string): Promise<unknown[]> {
  const client = new pg.Client(server.url);
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test.each(['fast', 'immediate'] as const)(
  'keeps its URL and what was committed after a stop of mode %s',
  async (mode) => {
    await query('CREATE TABLE kept AS SELECT 42 AS answer');
    const { url, pid } = server;
    await server.stop(mode);
    expect(server.pid).toBeUndefined();
    await expect(query('SELECT 1')).rejects.toThrow('ECONNREFUSED');

    await server.start();
    expect(server.url).toBe(url);
    expect(server.pid).not.toBe(pid);
    expect(await query('SELECT * FROM kept')).toEqual([{ answer: 42 }]);
    expect(await query('SHOW max_connections')).toEqual([{ max_connections: '20' }]);
  },
);

test('a fast stop ends open sessions instead of waiting for them', async () => {
  const client = new pg.Client(server.url);
  await client.connect();
  const lost = new Promise<Error>((resolve) => client.on('error', resolve));
  await server.stop('fast');
  expect((await lost).message).toContain('terminating connection due to administrator command');
});
