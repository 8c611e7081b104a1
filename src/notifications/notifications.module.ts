import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  type MiddlewareConsumer,
  Module,
  type NestModule,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import type { Broker } from './broker/broker.js';
import { Keyring } from './broker/keyring.js';
import { applyCors } from './http/cors.js';
import { checkHttpOptions, createControllers, HTTP_PROVIDERS } from './http/http.providers.js';
import { HttpDrain } from './http/http-drain.js';
import { ConnectionCounts } from './inbox/connection-counts.js';
import { NotificationsDataSource } from './inbox/database.js';
import { DirectDelivery } from './inbox/direct-delivery.js';
import { Outbox } from './inbox/outbox.js';
import { OutboxMonitor } from './inbox/outbox-monitor.js';
import { ParkedNotifications } from './inbox/parked.js';
import { Purge } from './inbox/purge.js';
import { Relay } from './inbox/relay.js';
import { NotificationService } from './notification.service.js';
import { type NotificationsExtras, type NotificationsOptions, type ResolvedOptions } from './notifications.options.js';
import { PROVIDERS } from './notifications.providers.js';
import { NOTIFICATIONS_BROKER, NOTIFICATIONS_OPTIONS, NOTIFICATIONS_PATH } from './notifications.tokens.js';
import { checkExtras, checkWithoutControllers, plainOptions, resolveOptions } from './resolve-options.js';
import { Hub } from './stream/hub.js';

/**
 * How long after its beginning the shutdown ends, whatever hangs. What hangs in Postgres or in HTTP has ended before: see
 * `StatementLimit` and `HttpDrain`.
 */
const SHUTDOWN_MS = 4_500;

const EXTRAS: Required<NotificationsExtras> = {
  path: 'notifications',
  controllers: true,
  isGlobal: true,
  controllerDecorators: [],
};

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN, OPTIONS_TYPE } =
  new ConfigurableModuleBuilder<NotificationsOptions>({
    moduleName: 'Notifications',
  })
    .setClassMethodName('forRoot')
    .setExtras<NotificationsExtras>(EXTRAS, (definition, given): DynamicModule => {
      const isAsync = !definition.providers?.some((provider) => 'useValue' in provider);
      checkExtras(given, isAsync);
      // One that is given as undefined has its default too, as in `{ path: process.env.NOTIFICATIONS_PATH }`.
      const set = Object.entries(given).filter(([, value]) => value !== undefined);
      const extras: typeof EXTRAS = { ...EXTRAS, ...Object.fromEntries(set) };
      return {
        ...definition,
        global: extras.isGlobal,
        controllers: extras.controllers ? createControllers(extras) : [],
        providers: [
          ...(definition.providers ?? []),
          RESOLVED_OPTIONS,
          { provide: NOTIFICATIONS_PATH, useValue: extras.controllers ? extras.path : null },
          ...(extras.controllers ? HTTP_PROVIDERS : [HttpDrain]),
          ...PROVIDERS,
        ],
        exports: [NotificationService, OutboxMonitor, ParkedNotifications],
      };
    })
    .build();

const RESOLVED_OPTIONS = {
  provide: NOTIFICATIONS_OPTIONS,
  inject: [MODULE_OPTIONS_TOKEN, NOTIFICATIONS_PATH],
  useFactory: (given: NotificationsOptions, path: string | null) => {
    const options = resolveOptions(given);
    // Before anything is connected: nobody would close it after a start that fails.
    if (path === null) checkWithoutControllers(given);
    else checkHttpOptions(options);
    return options;
  },
};

/**
 * In-app notifications: inject `NotificationService` and say `notify(...)`; browsers listen at `path/stream`.
 *
 * @example
 * NotificationsModule.forRoot({ jwt: { secret: process.env.JWT_SECRET } })
 */
@Module({})
export class NotificationsModule
  extends ConfigurableModuleClass
  implements NestModule, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  static override forRoot(options: typeof OPTIONS_TYPE): DynamicModule {
    // biome-ignore lint/complexity/noThisInStatic: by its name, Nest would take the base class for the module
    return super.forRoot(plainOptions(options));
  }

  /** When the shutdown has to be over, by `performance.now()`. */
  private endsAt?: number;

  constructor(
    @Inject(NOTIFICATIONS_OPTIONS) private readonly options: ResolvedOptions,
    @Inject(NOTIFICATIONS_PATH) private readonly path: string | null,
    @Inject(NOTIFICATIONS_BROKER) private readonly broker: Broker,
    @Inject(Keyring) private readonly keyring: Keyring,
    @Inject(NotificationsDataSource) private readonly database: NotificationsDataSource,
    @Inject(DirectDelivery) private readonly direct: DirectDelivery,
    @Inject(Outbox) private readonly outbox: Outbox,
    @Inject(Relay) private readonly relay: Relay,
    @Inject(Purge) private readonly purge: Purge,
    @Inject(Hub) private readonly hub: Hub,
    @Inject(ConnectionCounts) private readonly counts: ConnectionCounts,
    @Inject(HttpDrain) private readonly http: HttpDrain,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {
    super();
  }

  configure(consumer: MiddlewareConsumer): void {
    if (this.path === null) return;
    applyCors(consumer, { host: this, modules: this.modules, origins: this.options.cors });
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.broker.subscribe(this.hub);
    this.relay.start();
    this.purge.start();
    this.counts.start();
  }

  /** Streams end before the HTTP server closes: it would wait for them for ever. */
  async beforeApplicationShutdown(): Promise<void> {
    this.endsAt ??= performance.now() + SHUTDOWN_MS;
    this.database.limitCalls();
    this.http.start();
    // Not waited for: a run under way ends after its next batch, long before it would be taken for a call that hangs.
    void this.purge.close();
    await this.hub.shutdown();
  }

  /** Requests have been answered by now: what they sent is finished, and only then the pool goes. */
  async onApplicationShutdown(): Promise<void> {
    this.http.stop();
    // A host may close twice: Nest then calls every hook twice.
    if (!this.database.isInitialized) return;
    const now = performance.now();
    // Where the host itself drained for longer, a second is left: no call takes more by then.
    await atMost(Math.max((this.endsAt ?? now + SHUTDOWN_MS) - now, 1_000), this.finish());
  }

  private async finish(): Promise<void> {
    await Promise.all([this.direct.close(), this.relay.close(), this.purge.close(), this.counts.close()]);
    // They have announced what they finished; the broker still sends that.
    await this.broker.close();
    await this.keyring.close();
    this.outbox.close();
    await this.database.destroy();
  }
}

/** A Postgres that has gone silent would hold up every deploy until its statements time out. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([work, timeout]);
  clearTimeout(timer);
}
