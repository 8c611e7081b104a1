import type { Provider } from '@nestjs/common';
import { ModuleRef, ModulesContainer } from '@nestjs/core';
import type { DataSource } from 'typeorm';
import { Announcer } from './broker/announcer.js';
import type { Broker } from './broker/broker.js';
import { Keyring } from './broker/keyring.js';
import { postgresBroker } from './broker/postgres.broker.js';
import { hostDataSource } from './host-data-source.js';
import { readBrokerKeys } from './inbox/broker-keys.js';
import { CallLimit } from './inbox/call-limit.js';
import { ConnectionCounts } from './inbox/connection-counts.js';
import { NotificationsDataSource, startErrorOf } from './inbox/database.js';
import { DirectDelivery } from './inbox/direct-delivery.js';
import { InboxStore } from './inbox/inbox.store.js';
import { Outbox } from './inbox/outbox.js';
import { OutboxMonitor } from './inbox/outbox-monitor.js';
import { ParkedNotifications } from './inbox/parked.js';
import { Purge } from './inbox/purge.js';
import { Relay } from './inbox/relay.js';
import { Incidents } from './incidents.js';
import { NotificationService } from './notification.service.js';
import type { ResolvedOptions } from './notifications.options.js';
import { NOTIFICATIONS_BROKER, NOTIFICATIONS_HOST, NOTIFICATIONS_OPTIONS } from './notifications.tokens.js';
import { Hub } from './stream/hub.js';

/** What the module consists of, once its options are known; in the order of a notification's path. */
export const PROVIDERS: Provider[] = [
  {
    provide: NOTIFICATIONS_HOST,
    inject: [NOTIFICATIONS_OPTIONS, ModuleRef, ModulesContainer, Incidents],
    useFactory: (
      options: ResolvedOptions,
      modules: ModuleRef,
      container: ModulesContainer,
      incidents: Incidents,
    ): Promise<DataSource> =>
      hostDataSource(options.dataSource, { modules, container }, (reason) => incidents.startWaits(reason)),
  },
  {
    provide: NotificationsDataSource,
    inject: [NOTIFICATIONS_HOST, NOTIFICATIONS_OPTIONS, Incidents],
    useFactory: (host: DataSource, options: ResolvedOptions, incidents: Incidents) =>
      NotificationsDataSource.start(host.options, { ...options, onWait: (reason) => incidents.startWaits(reason) }),
  },
  Incidents,
  {
    provide: InboxStore,
    inject: [NotificationsDataSource, NOTIFICATIONS_OPTIONS],
    useFactory: (database: NotificationsDataSource, { notifyTimeoutMs }: ResolvedOptions) =>
      new InboxStore(database, notifyTimeoutMs),
  },
  {
    provide: CallLimit,
    inject: [NOTIFICATIONS_OPTIONS],
    useFactory: ({ notifyTimeoutMs }: ResolvedOptions) => new CallLimit(notifyTimeoutMs),
  },
  {
    provide: DirectDelivery,
    inject: [NotificationsDataSource, CallLimit],
    useFactory: (database: NotificationsDataSource, limit: CallLimit) => new DirectDelivery(database, limit),
  },
  {
    provide: Outbox,
    inject: [NotificationsDataSource, NOTIFICATIONS_HOST, Relay, CallLimit],
    useFactory: (database: NotificationsDataSource, host: DataSource, relay: Relay, limit: CallLimit) =>
      new Outbox(database, host, () => relay.wake(), limit),
  },
  {
    provide: Relay,
    inject: [NotificationsDataSource, Announcer, Incidents],
    useFactory: (database: NotificationsDataSource, announcer: Announcer, incidents: Incidents) =>
      new Relay(database, {
        onDelivered: (hints) => announcer.announce(hints),
        onParked: (rows) => incidents.parked(rows),
        onUnknown: (what) => incidents.unknown(what),
        onBlocked: (forMs, leader) => incidents.blocked(forMs, leader),
        onError: (error) => incidents.failed('relay', error),
      }),
  },
  {
    provide: ParkedNotifications,
    inject: [NotificationsDataSource, Relay],
    useFactory: (database: NotificationsDataSource, relay: Relay) =>
      new ParkedNotifications(database, () => relay.wake()),
  },
  {
    provide: OutboxMonitor,
    inject: [NotificationsDataSource, Relay],
    useFactory: (database: NotificationsDataSource, relay: Relay) => new OutboxMonitor(database, relay),
  },
  {
    provide: Purge,
    inject: [NotificationsDataSource, NOTIFICATIONS_OPTIONS, Announcer, Incidents],
    useFactory: (
      database: NotificationsDataSource,
      { retention }: ResolvedOptions,
      announcer: Announcer,
      incidents: Incidents,
    ) =>
      new Purge(database, retention?.days ?? null, {
        onPurged: (hints) => announcer.announce(hints),
        onError: (error) => incidents.failed('purge', error),
      }),
  },
  {
    provide: Keyring,
    inject: [NotificationsDataSource, Incidents],
    useFactory: async (database: NotificationsDataSource, incidents: Incidents) => {
      const events = {
        onError: (error: unknown) => incidents.failed('keys', error),
        onForeign: () => incidents.foreignMessage(),
      };
      try {
        return await Keyring.open(database.channel, () => readBrokerKeys(database), events);
      } catch (error) {
        await database.destroy();
        throw startErrorOf(error, database.schema);
      }
    },
  },
  {
    provide: NOTIFICATIONS_BROKER,
    inject: [NotificationsDataSource, NOTIFICATIONS_OPTIONS, Keyring, Incidents],
    useFactory: async (
      database: NotificationsDataSource,
      { broker = postgresBroker() }: ResolvedOptions,
      keyring: Keyring,
      incidents: Incidents,
    ) => {
      const onDown = (error: unknown) => incidents.failed('broker', error);
      try {
        return await broker({ channel: database.channel, postgres: database.address, keyring, onDown });
      } catch (error) {
        // The start ends here, and nobody else would close these.
        await keyring.close();
        await database.destroy();
        throw error;
      }
    },
  },
  {
    provide: Announcer,
    inject: [Hub, NOTIFICATIONS_BROKER],
    useFactory: (hub: Hub, broker: Broker) => new Announcer(hub, broker),
  },
  {
    provide: Hub,
    inject: [InboxStore, NOTIFICATIONS_OPTIONS, Incidents],
    useFactory: (store: InboxStore, options: ResolvedOptions, incidents: Incidents) =>
      new Hub(store, options, (error) => incidents.failed('stream', error)),
  },
  {
    provide: ConnectionCounts,
    inject: [NotificationsDataSource, Hub, Incidents],
    useFactory: (database: NotificationsDataSource, hub: Hub, incidents: Incidents) =>
      new ConnectionCounts(database, hub, (error) => incidents.failed('counts', error)),
  },
  NotificationService,
];
