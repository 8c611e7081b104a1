import type { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { type BeforeApplicationShutdown, Logger, Module, type OnApplicationShutdown } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { natsBroker } from '../../../src/notifications/broker/nats.broker.js';
import { postgresBroker } from '../../../src/notifications/broker/postgres.broker.js';
import { redisBroker } from '../../../src/notifications/broker/redis.broker.js';
import { type BrokerFactory, inProcessBroker, NotificationsModule } from '../../../src/notifications/index.js';
import { Random } from '../../support/random.js';
import { ControlController, UNANSWERED } from './control.controller.js';
import { IDENTITY_HEADER, type InstanceOptions, type LogEntry, WAIT_HEADER } from './protocol.js';
import { UnreliableHints } from './unreliable-broker.js';

// One instance of a CRM, as a process of its own.
const options: InstanceOptions = JSON.parse(process.argv[2] ?? '');
const random = new Random(options.seed);
const hints = new UnreliableHints(options.hints, () => random.next());

const LATE_MS = 4_800;
/** Half-open links are noticed in seconds instead of a quarter of a minute. */
const LINK = { heartbeatMs: 2_000, timeoutMs: 1_500 };

function broker(): BrokerFactory {
  switch (options.broker) {
    case 'postgres':
      return postgresBroker({ ...LINK, url: options.brokerUrl });
    case 'redis':
      return redisBroker({ ...LINK, url: options.brokerUrl });
    case 'nats':
      return natsBroker({ ...LINK, servers: options.brokerUrl });
    case 'none':
      return inProcessBroker();
  }
}

/** How far the shutdown is, for the report of one that takes too long. */
class Stages implements BeforeApplicationShutdown, OnApplicationShutdown {
  private stage = 'starting to shut down';

  constructor() {
    process.prependOnceListener('SIGTERM', () => setTimeout(() => this.tell(), LATE_MS).unref());
  }

  beforeApplicationShutdown(): void {
    this.stage = 'ending streams, or closing the server';
  }

  onApplicationShutdown(): void {
    this.stage = 'closing what is ours and the pool of the host';
  }

  private tell(): void {
    const text = `${this.stage}: ${openSockets().join('; ')}; without an answer: ${JSON.stringify([...UNANSWERED])}`;
    process.stderr.write(`${JSON.stringify({ level: 'late', text } satisfies LogEntry)}\n`);
  }
}

interface HttpSocket extends Socket {
  _httpMessage?: ServerResponse | null;
  parser?: { incoming?: { url?: string } | null } | null;
}

/** Node tells them to nobody else. */
function openSockets(): string[] {
  const { _getActiveHandles: handles } = process as unknown as { _getActiveHandles(): unknown[] };
  return handles.call(process).flatMap((handle) => {
    if (!(handle instanceof Socket) || handle.remotePort === undefined) return [];
    const {
      _httpMessage: response,
      parser,
      localPort,
      remotePort,
      writableLength,
      writableEnded,
    } = handle as HttpSocket;
    const answering = response ? `answers ${response.req?.method} ${response.req?.url}` : '';
    const reading = parser?.incoming ? `reads ${parser.incoming.url}` : '';
    return [`${localPort}-${remotePort} ${answering} ${reading} ${writableLength} ${writableEnded ? 'ended' : 'open'}`];
  });
}

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'postgres',
      url: options.postgresUrl,
      applicationName: options.name,
      retryAttempts: 0,
      connectTimeoutMS: 3_000,
      extra: { max: 8, query_timeout: 10_000, idle_in_transaction_session_timeout: 5_000 },
    }),
    NotificationsModule.forRoot({
      authenticate: async ({ headers }) => {
        const waitMs = Number(headers[WAIT_HEADER] ?? 0);
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
        const [tenant = '', recipient = ''] = String(headers[IDENTITY_HEADER]).split('/');
        return { tenant, recipient };
      },
      streamToken: { secret: 'a secret of the chaos, long enough' },
      broker: hints.wrap(broker()),
      streamWriter: options.streamWriter,
      heartbeatMs: 3_000,
      retryMs: 300,
      sweepMs: options.sweepMs,
      slowClientMs: 3_000,
      maxReplay: 60,
      maxPendingBytes: 32_768,
    }),
  ],
  controllers: [ControlController],
  providers: [Stages, { provide: UnreliableHints, useValue: hints }],
})
class CrmModule {}

const log =
  (level: LogEntry['level']) =>
  (message: unknown, ...more: unknown[]) => {
    // The rest is a stack, a context, or both.
    const entry: LogEntry = { level, text: [message, ...more].map(String).join(' | ') };
    process.stderr.write(`${JSON.stringify(entry)}\n`);
  };
Logger.overrideLogger({ log: () => undefined, warn: log('warn'), error: log('error'), fatal: log('fatal') });
// Whoever started us is gone, however it ended.
process.stdin.resume().once('close', () => process.exit(1));

const app = await NestFactory.create(CrmModule, { abortOnError: false });
// The host's own pool, which is not what is tried here: as in NotificationsDataSource.initialize().
const { master } = app.get(DataSource).driver as unknown as { master: EventEmitter };
master.on('connect', (client: EventEmitter) => client.on('error', () => undefined));
app.enableShutdownHooks(['SIGTERM']);
await app.listen(options.port, '127.0.0.1');
process.stdout.write('listening\n');
