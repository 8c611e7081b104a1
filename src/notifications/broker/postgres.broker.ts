import { createHash } from 'node:crypto';
import pg from 'pg';
import { abortableSockets } from '../abortable-sockets.js';
import { checkOptions, type Rules, text } from '../option-rules.js';
import { OWN_CONFIG, prepareSession } from '../postgres-session.js';
import type { BrokerFactory, PgClient, PostgresAddress } from './broker.js';
import { TRANSPORT_RULES, TransportBroker, type TransportBrokerOptions } from './transport.broker.js';
import type { Link, LinkEvents, Transport } from './transport.js';

/** How the Postgres broker connects. */
export interface PostgresBrokerOptions extends TransportBrokerOptions {
  /**
   * Where LISTEN and NOTIFY go, if not where the module's own connections go. Either way it must be a direct connection:
   * PgBouncer in transaction mode loses LISTEN. TLS is that of the DataSource, unless the URL says something else by `sslmode`.
   * @default the module's own address
   */
  url?: string;
}

const RULES: Rules<PostgresBrokerOptions> = {
  ...TRANSPORT_RULES,
  url: { ...text('the URL of a Postgres server'), isSecret: true },
};

/** A NOTIFY payload must be shorter than 8,000 bytes. */
const MAX_BYTES = 7_999;
/** All that notify wait for each other's commits; a hint is not worth the wait for a disk. */
const NOTIFY = {
  name: 'notify',
  text: "SELECT set_config('synchronous_commit', 'off', true), pg_notify($1, $2)",
};

/**
 * Carries hints by LISTEN and NOTIFY: right with one instance and with ten. Two connections of its own, one to listen and
 * one to notify: in the delivering transaction NOTIFY would take a lock that all commits wait for.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`
 */
export function postgresBroker(options: PostgresBrokerOptions = {}): BrokerFactory {
  const { url, ...rest } = checkOptions<PostgresBrokerOptions>('postgresBroker()', options, RULES);
  return (context) => {
    const address = url === undefined ? context.postgres : addressAt(url, context.postgres);
    return new TransportBroker(new PostgresTransport(address, context.channel), context, rest);
  };
}

/** Another place, which may be another kind of server: its way there and its startup parameters are its own. */
function addressAt(url: string, { ssl, Client, connectionTimeoutMillis }: PostgresAddress): PostgresAddress {
  return { ...OWN_CONFIG, connectionString: url, ssl, Client, connectionTimeoutMillis };
}

class PostgresTransport implements Transport {
  /** An identifier of at most 63 bytes; channels belong to a database already, but its name may be the longest part. */
  private readonly channel: string;

  constructor(
    private readonly address: PostgresAddress,
    channel: string,
  ) {
    this.channel = `crm_notifications_${createHash('sha256').update(channel).digest('hex').slice(0, 32)}`;
  }

  async connect({ onMessage, onLost }: LinkEvents, signal: AbortSignal): Promise<Link> {
    const { Client = pg.Client, ...address } = this.address;
    const stream = abortableSockets(address.stream, signal);
    const open = async (purpose: string): Promise<PgClient> => {
      const application_name = `notifications ${purpose}`;
      const client: PgClient = new Client({ ...address, application_name, keepAlive: true, stream });
      client.on('error', onLost);
      client.on('end', () => onLost(new Error('Postgres closed the connection')));
      // A driver of the host's may have other sockets than ours.
      signal.addEventListener('abort', () => void client.end().catch(() => undefined), { once: true });
      await client.connect();
      await prepareSession(client);
      return client;
    };
    const [listener, notifier] = await Promise.all([open('listener'), open('notifier')]);
    listener.on('notification', ({ payload }) => payload && onMessage(payload));
    await listener.query(`LISTEN ${this.channel}`);
    return {
      maxBytes: MAX_BYTES,
      send: async (message) => {
        await notifier.query({ ...NOTIFY, values: [this.channel, message] });
      },
    };
  }
}
