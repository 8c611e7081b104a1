import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectNats } from '@nats-io/transport-node';
import pg from 'pg';
import { createClient } from 'redis';
import { WITHOUT_TIMEOUTS } from './database-timeouts.js';
import type { BrokerKind } from './settings.js';

/** What the instances make the names of their channels of: the database and the schema. */
const CHANNEL = 'postgres.notifications';
const LISTEN_MS = 3_000;

/** Somebody who may use the server of the broker, and knows the name of the channel. */
export interface Stranger {
  /** Bytes of one message at most. */
  readonly maxBytes: number;
  send(message: string | Buffer): Promise<void>;
  /** The next message of somebody else; undefined if none comes. */
  overhear(): Promise<string | undefined>;
  close(): Promise<void>;
}

/** @throws {Error} when the server can't be reached. */
export async function openStranger(kind: BrokerKind, port: number): Promise<Stranger | undefined> {
  if (kind === 'postgres') return await onPostgres(port);
  if (kind === 'redis') return await onRedis(port);
  if (kind === 'nats') return await onNats(port);
  return undefined;
}

async function onPostgres(port: number): Promise<Stranger> {
  const channel = `crm_notifications_${createHash('sha256').update(CHANNEL).digest('hex').slice(0, 32)}`;
  const connectionString = `postgres://postgres@127.0.0.1:${port}/postgres`;
  const client = new pg.Client({ connectionString, options: WITHOUT_TIMEOUTS, application_name: 'chaos stranger' });
  client.on('error', () => undefined);
  await client.connect();
  const own = client as unknown as { processID: number };
  return {
    maxBytes: 7_999,
    // Postgres takes no NUL and nothing that isn't UTF-8.
    send: async (message) => {
      await client.query('SELECT pg_notify($1, $2)', [channel, message.toString().replaceAll('\0', '\\0')]);
    },
    overhear: async () => {
      await client.query(`LISTEN ${channel}`);
      return await firstOf((found) => {
        client.on('notification', ({ processId, payload }) => {
          if (processId !== own.processID && payload) found(payload);
        });
      });
    },
    close: () => client.end(),
  };
}

async function onRedis(port: number): Promise<Stranger> {
  const channel = `crm-notifications:${CHANNEL}`;
  const open = async () => {
    const client = createClient({ url: `redis://127.0.0.1:${port}`, socket: { reconnectStrategy: false } });
    client.on('error', () => undefined);
    await client.connect();
    return client;
  };
  const publisher = await open();
  const subscriber = await open();
  return {
    maxBytes: 1_000_000,
    send: async (message) => {
      await publisher.publish(channel, message);
    },
    overhear: () => firstOf((found) => void subscriber.subscribe(channel, found).catch(() => undefined)),
    close: async () => {
      publisher.destroy();
      subscriber.destroy();
    },
  };
}

async function onNats(port: number): Promise<Stranger> {
  const subject = `crm-notifications.${Buffer.from(CHANNEL).toString('base64url')}`;
  const connection = await connectNats({ servers: `nats://127.0.0.1:${port}`, reconnect: false, noEcho: true });
  return {
    maxBytes: connection.info?.max_payload ?? 1_000_000,
    send: async (message) => {
      connection.publish(subject, message);
      await connection.flush();
    },
    overhear: () =>
      firstOf((found) => {
        connection.subscribe(subject, {
          callback: (error, message) => {
            if (!error) found(message.string());
          },
        });
      }),
    close: () => connection.close(),
  };
}

async function firstOf(listen: (found: (message: string) => void) => void): Promise<string | undefined> {
  const found = new Promise<string>((resolve) => listen(resolve));
  return await Promise.race([found, sleep(LISTEN_MS, undefined, { ref: false })]);
}
