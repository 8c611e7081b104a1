import { createHash } from 'node:crypto';
import pg from 'pg';
import type { BrokerName } from './broker-servers.js';

/** Counts the messages that brokers send, by listening in. */
export interface MessageCounter {
  readonly messages: number;
  close(): Promise<void>;
}

/** @param channel of the broker: database and schema. */
export async function countMessages(
  name: BrokerName,
  { channel, url, postgresUrl }: { channel: string; url: string | undefined; postgresUrl: string },
): Promise<MessageCounter> {
  const counter = { messages: 0, close: async () => {} };
  const count = () => {
    counter.messages += 1;
  };
  if (name === 'postgres') {
    const client = new pg.Client({ connectionString: postgresUrl });
    await client.connect();
    client.on('notification', count);
    await client.query(`LISTEN crm_notifications_${createHash('sha256').update(channel).digest('hex').slice(0, 32)}`);
    counter.close = () => client.end();
  } else if (name === 'redis') {
    const { createClient } = await import('redis');
    const client = await createClient({ url }).connect();
    await client.subscribe(`crm-notifications:${channel}`, count);
    counter.close = () => client.close();
  } else if (name === 'nats') {
    const { connect } = await import('@nats-io/transport-node');
    const connection = await connect({ servers: url });
    connection.subscribe('crm-notifications.>', { callback: count });
    await connection.flush();
    counter.close = () => connection.close();
  }
  return counter;
}
