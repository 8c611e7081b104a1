import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import type { NatsConnection, NodeConnectionOptions } from '@nats-io/transport-node';
import { anything, checkOptions, isObject, type Rules, text, textOrList } from '../option-rules.js';
import type { BrokerFactory } from './broker.js';
import { optionalPackage } from './optional-package.js';
import { TRANSPORT_RULES, TransportBroker, type TransportBrokerOptions } from './transport.broker.js';
import type { Link, LinkEvents, Transport } from './transport.js';

/** How the NATS broker connects. */
export interface NatsBrokerOptions extends TransportBrokerOptions {
  /** @default 'nats://localhost:4222' */
  servers?: string | string[];
  /** Set before the names of subjects, for a NATS that several applications share. @default 'crm-notifications' */
  prefix?: string;
  /** More options of the client, such as credentials and TLS. `servers` and the reconnecting are ours. */
  client?: Omit<NodeConnectionOptions, 'servers'>;
}

const RULES: Rules<NatsBrokerOptions> = {
  ...TRANSPORT_RULES,
  servers: { ...textOrList('the URL of a NATS server, or a list of them'), isSecret: true },
  prefix: text('a string'),
  client: anything('an object with options of the client', isObject),
};

/**
 * Carries hints by NATS core; JetStream is not needed. Needs the package `@nats-io/transport-node`.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`
 */
export function natsBroker(options: NatsBrokerOptions = {}): BrokerFactory {
  const {
    servers = 'nats://localhost:4222',
    prefix = 'crm-notifications',
    client,
    ...rest
  } = checkOptions<NatsBrokerOptions>('natsBroker()', options, RULES);
  return async (context) => {
    const nats = await optionalPackage(
      'natsBroker()',
      '@nats-io/transport-node',
      () => import('@nats-io/transport-node'),
    );
    // A subject's tokens must not hold dots, blanks or wildcards.
    const subject = `${prefix}.${Buffer.from(context.channel).toString('base64url')}`;
    return new TransportBroker(new NatsTransport(nats, { ...client, servers }, subject), context, rest);
  };
}

class NatsTransport implements Transport {
  constructor(
    private readonly nats: typeof import('@nats-io/transport-node'),
    private readonly options: NodeConnectionOptions,
    private readonly subject: string,
  ) {}

  async connect({ onMessage, onLost }: LinkEvents, signal: AbortSignal): Promise<Link> {
    const connection = await this.open(signal);
    const close = () => void connection.close().catch(() => undefined);
    if (signal.aborted) close();
    signal.addEventListener('abort', close, { once: true });
    connection.closed().then((error) => onLost(error || new Error('NATS closed the connection')), onLost);
    connection.subscribe(this.subject, {
      callback: (error, message) => {
        if (error) onLost(error);
        else onMessage(message.string());
      },
    });
    return {
      maxBytes: Math.min(65_536, connection.info?.max_payload ?? Infinity),
      send: async (message) => {
        connection.publish(this.subject, message);
        await connection.flush();
      },
    };
  }

  /** The client keeps the socket of a server that accepts and then says nothing, for ever: we end it ourselves. */
  private async open(signal: AbortSignal): Promise<NatsConnection> {
    const ours = new AsyncLocalStorage<true>();
    const onSocket = (event: unknown) => {
      if (!ours.getStore()) return;
      const { socket } = event as { socket: Socket };
      // Node is about to connect it: destroyed before that, it would come to life again.
      if (signal.aborted) setImmediate(() => socket.destroy());
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
    };
    const options = { ...this.options, reconnect: false, waitOnFirstConnect: false, noEcho: false };
    subscribe('net.client.socket', onSocket);
    try {
      return await ours.run(true, () => this.nats.connect(options));
    } finally {
      unsubscribe('net.client.socket', onSocket);
    }
  }
}
