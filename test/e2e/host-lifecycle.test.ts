import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { NotificationService, NotificationsModule, type NotifyResult } from '../../src/notifications/index.js';
import { accessToken, createMigratedDatabase, JWT_SECRET } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startHost } from '../support/host-app.js';
import { StreamClient } from '../support/stream-client.js';

const OPTIONS = { jwt: { secret: JWT_SECRET } };
const NOTIFICATION = { type: 't', title: 'from a hook' };

describe('The life of an application', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  // Fails if an application that was closed has left a connection.
  afterAll(() => database.drop());

  const typeOrm = () => TypeOrmModule.forRoot({ type: 'postgres', url: database.url, retryAttempts: 0 });
  const imports = () => [typeOrm(), NotificationsModule.forRoot(OPTIONS)];

  async function titlesOf(recipient: string): Promise<string[]> {
    const rows = await database.query(
      `SELECT m.title FROM notifications.inbox_item t JOIN notifications.message m ON m.id = t.message_id
       WHERE t.recipient_id = $1 ORDER BY t.id`,
      [recipient],
    );
    return rows.map((row) => row.title);
  }

  describe('at its start', () => {
    @Injectable()
    class Greeter implements OnModuleInit, OnApplicationBootstrap {
      constructor(
        @Inject(NotificationService) private readonly notifications: NotificationService,
        @Inject(DataSource) private readonly dataSource: DataSource,
      ) {}

      async onModuleInit(): Promise<void> {
        await this.notifications.notify('early', { type: 't', title: 'onModuleInit' });
        await this.dataSource.transaction((manager) =>
          this.notifications.notify('early in a transaction', { type: 't', title: 'onModuleInit' }, { manager }),
        );
      }

      async onApplicationBootstrap(): Promise<void> {
        await this.notifications.notify('early', { type: 't', title: 'onApplicationBootstrap' });
      }
    }

    @Module({ providers: [Greeter] })
    class GreeterModule {}

    test.each([
      ['before', (): unknown[] => [GreeterModule, ...imports()]],
      ['after', (): unknown[] => [...imports(), GreeterModule]],
    ])('hooks of a module %s ours may notify', async (_, modules) => {
      await database.query('TRUNCATE notifications.inbox, notifications.inbox_item, notifications.message');
      const host = await startHost({ imports: modules() as [] });
      expect(await titlesOf('early')).toEqual(['onModuleInit', 'onApplicationBootstrap']);
      await eventually(async () => expect(await titlesOf('early in a transaction')).toEqual(['onModuleInit']));
      await host.close();
    });
  });

  describe('at its end', () => {
    test('a hook of the host that notifies is heard or refused, and never hangs', async () => {
      const outcomes = new Map<string, unknown>();

      @Injectable()
      class Farewell implements OnModuleDestroy, BeforeApplicationShutdown, OnApplicationShutdown {
        constructor(
          @Inject(NotificationService) private readonly notifications: NotificationService,
          @Inject('connection of its own') private readonly dataSource: DataSource,
        ) {}

        onModuleDestroy = () => this.say('onModuleDestroy');
        beforeApplicationShutdown = () => this.say('beforeApplicationShutdown');
        onApplicationShutdown = () => this.say('onApplicationShutdown');

        private async say(hook: string): Promise<void> {
          const { notifications } = this;
          const calls: Record<string, () => Promise<unknown>> = {
            direct: () => notifications.notify(`direct ${hook}`, NOTIFICATION),
            later: () => notifications.notify(`later ${hook}`, NOTIFICATION, { deliverAt: new Date(Date.now() + 9e9) }),
            list: () => notifications.list(`list ${hook}`),
            transaction: () =>
              this.dataSource.transaction((manager) =>
                notifications.notify(`transaction ${hook}`, NOTIFICATION, { manager }),
              ),
          };
          for (const [kind, call] of Object.entries(calls)) {
            const outcome = await call().then(
              (result) => (result as NotifyResult).status ?? 'answered',
              (error) => error.code,
            );
            outcomes.set(`${kind} ${hook}`, outcome);
          }
        }
      }

      @Module({
        providers: [
          Farewell,
          {
            provide: 'connection of its own',
            useFactory: () => new DataSource({ type: 'postgres', url: database.url }).initialize(),
          },
        ],
      })
      class FarewellModule {}

      // Last and first among the modules, so that its hooks run before ours and after ours.
      for (const order of ['before', 'after']) {
        const modules = order === 'before' ? [FarewellModule, ...imports()] : [...imports(), FarewellModule];
        const host = await startHost({ imports: modules });
        const own = host.app.get<DataSource>('connection of its own', { strict: false });
        await host.close();
        expect(own.subscribers).toEqual([]);
        await own.destroy();
        expect(outcomes.size).toBe(12);
        for (const [call, outcome] of outcomes) {
          const [kind] = call.split(' ');
          const done = { direct: 'delivered', later: 'queued', list: 'answered', transaction: 'queued' }[
            kind as 'list'
          ];
          const open = !call.endsWith('onApplicationShutdown');
          expect([call, outcome]).toEqual([call, open ? done : expect.stringMatching(`^(${done}|CLOSED)$`)]);
          if (kind === 'direct') expect((await titlesOf(call)).length > 0).toBe(outcome === 'delivered');
        }
        outcomes.clear();
        await database.query('TRUNCATE notifications.inbox, notifications.inbox_item, notifications.message');
      }
    });

    test('once it is closed every call is refused as CLOSED', async () => {
      const { notifications, close } = await startHost({ imports: imports() });
      await close();
      const calls = [
        notifications.notify('ann', NOTIFICATION),
        notifications.notify('ann', NOTIFICATION, { deliverAt: new Date(Date.now() + 9e9) }),
        notifications.broadcast(NOTIFICATION),
        notifications.list('ann'),
        notifications.unreadCount('ann'),
        notifications.markRead('ann', [1]),
        notifications.markUnread('ann', [1]),
        notifications.remove('ann', [1]),
        notifications.disconnect('ann'),
      ];
      for (const call of calls) await expect(call).rejects.toMatchObject({ code: 'CLOSED' });
    });

    test('closing twice, in a row or at once, is no error', async () => {
      const host = await startHost({ imports: imports() });
      const client = await StreamClient.open(host.url, await accessToken('ann'));
      await Promise.all([host.close(), host.close()]);
      await host.close();
      await client.until(() => client.ended);
      expect(client.frames.at(-1)).toMatchObject({ event: 'close', data: { reason: 'shutdown' } });
    });

    test('closing right after the start, or before it has finished', async () => {
      const host = await startHost({ imports: imports() });
      await host.close();

      @Module({ imports: imports() })
      class HostModule {}
      const app = await NestFactory.create(HostModule, { logger: ['error'] });
      const starting = app.listen(0, '127.0.0.1').catch(() => undefined);
      await app.close();
      await starting;
      await app.close();
      const never = await NestFactory.create(HostModule, { logger: ['error'] });
      await never.close();
    });

    test('closing while there is much to deliver: what is left is delivered by the next instance, once', async () => {
      const count = 300;
      const host = await startHost({ imports: imports() });
      const dataSource = host.app.get(DataSource);
      const sending = dataSource.transaction(async (manager) => {
        for (let i = 0; i < count; i += 1) {
          const notification = { type: 't', title: `${i}`, body: 'x'.repeat(9_000), data: { i } };
          await host.notifications.notify('busy', notification, { manager });
        }
      });
      await sending;
      await host.close();
      const next = await startHost({ imports: imports() });
      await eventually(async () => expect(await titlesOf('busy')).toHaveLength(count));
      expect(await titlesOf('busy')).toEqual(Array.from({ length: count }, (_, i) => `${i}`));
      await next.close();
    });

    test('notifications on their way when it closes are delivered or refused, and none is in between', async () => {
      const host = await startHost({ imports: imports() });
      const sending = Array.from({ length: 500 }, (_, i) =>
        host.notifications.notify('going', { type: 't', title: `${i}` }).then(
          () => `${i}`,
          (error) => expect(error).toMatchObject({ code: 'CLOSED' }),
        ),
      );
      await host.close();
      const delivered = (await Promise.all(sending)).filter((title) => title !== undefined);
      expect((await titlesOf('going')).sort()).toEqual(delivered.sort());
    });
  });

  test('an application without HTTP, such as a worker, sends and delivers', async () => {
    @Module({ imports: imports() })
    class WorkerModule {}
    const worker = await NestFactory.createApplicationContext(WorkerModule, { logger: ['error'] });
    const notifications = worker.get(NotificationService);
    await worker
      .get(DataSource)
      .transaction((manager) => notifications.notify('of a worker', NOTIFICATION, { manager }));
    await eventually(async () => expect(await titlesOf('of a worker')).toEqual(['from a hook']));
    await worker.close();
  });

  describe("in the host's own tests", () => {
    @Injectable()
    class Deals {
      constructor(@Inject(NotificationService) private readonly notifications: NotificationService) {}
      assign(owner: string): Promise<NotifyResult> {
        return this.notifications.notify(owner, { type: 'deal.assigned', title: 'yours' });
      }
    }

    test('the service alone is replaced by a fake, without the module', async () => {
      const notify = jest.fn(async (_to: string, _notification: object) => ({
        messageId: 'm',
        status: 'delivered' as const,
      }));
      const unit = await Test.createTestingModule({
        providers: [Deals, { provide: NotificationService, useValue: { notify } }],
      }).compile();
      await unit.get(Deals).assign('ann');
      expect(notify).toHaveBeenCalledWith('ann', { type: 'deal.assigned', title: 'yours' });
      await unit.close();
    });

    test('overrideProvider(NotificationService) replaces it in the whole application', async () => {
      const unreadCount = jest.fn(async () => ({ lastId: 7, unread: 3, revision: 1 }));
      const testing = await Test.createTestingModule({ imports: imports(), providers: [Deals] })
        .overrideProvider(NotificationService)
        .useValue({ notify: async () => ({ messageId: 'fake', status: 'delivered' }), unreadCount })
        .compile();
      const app = testing.createNestApplication();
      await app.listen(0, '127.0.0.1');
      expect(await app.get(Deals).assign('ann')).toMatchObject({ messageId: 'fake' });
      const headers = { authorization: `Bearer ${await accessToken('ann')}` };
      const response = await fetch(`${await app.getUrl()}/notifications/unread-count`, { headers });
      expect(await response.json()).toEqual({ lastId: 7, unread: 3, revision: 1 });
      await app.close();
    });

    test('the real one, from a testing module that is never listening', async () => {
      const testing = await Test.createTestingModule({ imports: imports(), providers: [Deals] }).compile();
      await testing.init();
      const { status } = await testing.get(Deals).assign('in a test');
      expect([status, await titlesOf('in a test')]).toEqual(['delivered', ['yours']]);
      await testing.close();
    });
  });
});
