import type { RedisClientOptions } from 'redis';
import { NotificationsError } from '../notifications.error.js';
import { anything, checkOptions, isObject, type Rules, text } from '../option-rules.js';
import type { BrokerFactory } from './broker.js';
import { optionalPackage } from './optional-package.js';
import { TRANSPORT_RULES, TransportBroker, type TransportBrokerOptions } from './transport.broker.js';
import type { Link, LinkEvents, Transport } from './transport.js';

/** How the Redis broker connects. */
export interface RedisBrokerOptions extends TransportBrokerOptions {
  /** @default 'redis://localhost:6379' */
  url?: string;
  /** Set before the names of channels, for a Redis that several applications share. @default 'crm-notifications' */
  prefix?: string;
  /** More options of the client, such as TLS. `url` and the reconnecting are ours. */
  client?: Omit<RedisClientOptions, 'url'>;
}

const RULES: Rules<RedisBrokerOptions> = {
  ...TRANSPORT_RULES,
  url: { ...text('the URL of a Redis server'), isSecret: true },
  prefix: text('a string'),
  client: anything('an object with options of the client', isObject),
};

/**
 * Carries hints by Redis pub/sub. Nothing is stored in Redis. Needs the package `redis`, 5 or 6.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS`
 */
export function redisBroker(options: RedisBrokerOptions = {}): BrokerFactory {
  const {
    url = 'redis://localhost:6379',
    prefix = 'crm-notifications',
    client,
    ...rest
  } = checkOptions<RedisBrokerOptions>('redisBroker()', options, RULES);
  return async (context) => {
    const redis = await optionalPackage('redisBroker()', 'redis', () => import('redis'));
    const transport = new RedisTransport(redis, { ...client, url }, `${prefix}:${context.channel}`);
    return new TransportBroker(transport, context, rest);
  };
}

class RedisTransport implements Transport {
  constructor(
    private readonly redis: typeof import('redis'),
    private readonly options: RedisClientOptions,
    private readonly channel: string,
  ) {
    try {
      this.client(new AbortController().signal);
    } catch (cause) {
      // The address may hold a password: it is not repeated.
      const message = `redisBroker() can't use its options: ${(cause as Error).message}. Check url and client.`;
      throw new NotificationsError('INVALID_OPTIONS', message, { cause });
    }
  }

  async connect({ onMessage, onLost }: LinkEvents, signal: AbortSignal): Promise<Link> {
    const open = async () => {
      const client = this.client(signal);
      client.on('error', onLost);
      client.on('end', () => onLost(new Error('Redis closed the connection')));
      signal.addEventListener('abort', () => client.destroy(), { once: true });
      return await client.connect();
    };
    const [subscriber, publisher] = await Promise.all([open(), open()]);
    await subscriber.subscribe(this.channel, (message) => onMessage(message));
    return {
      maxBytes: 65_536,
      send: async (message) => {
        await publisher.publish(this.channel, message);
      },
    };
  }

  private client(signal: AbortSignal) {
    return this.redis.createClient({
      ...this.options,
      // What can't be sent now is not worth sending later; and the broker does the reconnecting.
      disableOfflineQueue: true,
      // destroy() alone leaves a socket that is still connecting; the signal reaches that.
      socket: { ...this.options.socket, reconnectStrategy: false, signal },
    } as RedisClientOptions);
  }
}
