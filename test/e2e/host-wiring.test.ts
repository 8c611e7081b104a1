import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import {
  Controller,
  Inject,
  Injectable,
  type MessageEvent,
  Module,
  Optional,
  Req,
  Res,
  Sse,
  UnauthorizedException,
} from '@nestjs/common';
import { getDataSourceToken, TypeOrmModule } from '@nestjs/typeorm';
import type { Request, Response } from 'express';
import { jwtVerify } from 'jose';
import type { Observable } from 'rxjs';
import { DataSource } from 'typeorm';
import {
  NotificationService,
  NotificationsDataSource,
  NotificationsModule,
  type NotificationsOptions,
  ParkedNotifications,
} from '../../src/notifications/index.js';
import { accessToken, createMigratedDatabase, JWT_SECRET } from '../support/crm-app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type HostApp, provideDataSource, startHost } from '../support/host-app.js';
import { StreamClient } from '../support/stream-client.js';

const OPTIONS = { jwt: { secret: JWT_SECRET } };

/** The host's own configuration, as a provider. */
@Injectable()
class Configuration {
  /** As `useClass` and `useExisting` call it. */
  create(): NotificationsOptions {
    return OPTIONS;
  }
}

@Module({ providers: [Configuration], exports: [Configuration] })
class ConfigurationModule {}

describe('A host registers the module', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  const typeOrm = (more: object = {}) => TypeOrmModule.forRoot({ type: 'postgres', url: database.url, ...more });

  /** The whole path, over HTTP. */
  async function proveThatItWorks(host: HostApp, path = '/notifications'): Promise<void> {
    const user = `user of ${path} ${host.url}`;
    const client = await StreamClient.open(host.url, await accessToken(user), { path });
    expect(client.status).toBe(200);
    await host.notifications.notify(user, { type: 't', title: 'it works' });
    await client.until(() => client.of('state').length === 1);
    expect(client.of('message').map((frame) => frame.data.title)).toEqual(['it works']);
    client.close();
  }

  async function withHost(start: Promise<HostApp>, use: (host: HostApp) => Promise<void>): Promise<void> {
    const host = await start;
    try {
      await use(host);
    } finally {
      await host.close();
    }
  }

  describe('with forRootAsync', () => {
    const registrations = {
      'useFactory with inject': NotificationsModule.forRootAsync({
        imports: [ConfigurationModule],
        inject: [Configuration],
        useFactory: async (configuration: Configuration) => configuration.create(),
      }),
      useClass: NotificationsModule.forRootAsync({ useClass: Configuration }),
      useExisting: NotificationsModule.forRootAsync({ imports: [ConfigurationModule], useExisting: Configuration }),
    };

    test.each(Object.entries(registrations))('%s, before or after the DataSource', async (_, notifications) => {
      await withHost(startHost({ imports: [notifications, typeOrm()] }), proveThatItWorks);
      await withHost(startHost({ imports: [typeOrm(), notifications] }), proveThatItWorks);
    });

    test('below a nested path', async () => {
      const notifications = NotificationsModule.forRootAsync({ path: 'crm/inbox', useFactory: () => OPTIONS });
      await withHost(startHost({ imports: [typeOrm(), notifications] }), async (host) => {
        await proveThatItWorks(host, '/crm/inbox');
        expect((await fetch(`${host.url}/notifications`)).status).toBe(404);
      });
    });
  });

  test('not globally: where it is imported it is the same, elsewhere it is not', async () => {
    const notifications = NotificationsModule.forRoot({ ...OPTIONS, isGlobal: false });
    @Injectable()
    class Deals {
      constructor(@Inject(NotificationService) readonly notifications: NotificationService) {}
    }
    @Module({ imports: [notifications], providers: [Deals] })
    class DealsModule {}
    @Injectable()
    class Other {
      constructor(@Optional() @Inject(NotificationService) readonly notifications?: NotificationService) {}
    }
    @Module({ providers: [Other] })
    class OtherModule {}

    await withHost(startHost({ imports: [typeOrm(), notifications, DealsModule, OtherModule] }), async (host) => {
      expect(host.app.get(Deals, { strict: false }).notifications).toBe(host.notifications);
      expect(host.app.get(Other, { strict: false }).notifications).toBeUndefined();
      await proveThatItWorks(host);
    });
  });

  test('without controllers: the host writes its own, and needs neither jwt nor authenticate', async () => {
    @Controller()
    class MyStreamController {
      constructor(@Inject(NotificationService) private readonly notifications: NotificationService) {}

      @Sse('my-stream')
      async stream(@Req() request: Request, @Res() response: Response): Promise<Observable<MessageEvent>> {
        const token = request.headers.authorization?.replace('Bearer ', '') ?? '';
        const { payload } = await jwtVerify(token, new TextEncoder().encode(JWT_SECRET)).catch(() => {
          throw new UnauthorizedException();
        });
        const lastEventId = request.headers['last-event-id'] as string | undefined;
        return this.notifications.stream(String(payload.sub), { lastEventId, response });
      }
    }
    const imports = [typeOrm(), NotificationsModule.forRoot({ controllers: false })];
    await withHost(startHost({ imports, controllers: [MyStreamController] }), async (host) => {
      expect((await fetch(`${host.url}/notifications`)).status).toBe(404);
      expect((await fetch(`${host.url}/my-stream`)).status).toBe(401);
      await host.notifications.notify('own', { type: 't', title: 'missed' });
      const headers = { authorization: `Bearer ${await accessToken('own')}`, 'last-event-id': '0' };
      const client = new StreamClient(`${host.url}/my-stream`, { headers });
      await client.until(() => client.of('state').length === 1);
      expect(client.of('message').map((frame) => frame.data.title)).toEqual(['missed']);
      expect(host.notifications.connections('own')).toBe(1);
      client.close();
    });
  });

  describe('over the right one of several DataSources', () => {
    let other: TestDatabase;

    beforeAll(async () => {
      other = await createTestDatabase();
    });

    afterAll(() => other.drop());

    async function databaseOf(host: HostApp): Promise<string> {
      const [row] = await host.app.get(NotificationsDataSource).query('SELECT current_database() AS name');
      return row.name;
    }

    const both = () => [
      TypeOrmModule.forRoot({ name: 'archive', type: 'postgres', url: other.url }),
      TypeOrmModule.forRootAsync({ useFactory: async () => ({ type: 'postgres' as const, url: database.url }) }),
    ];

    test.each([
      ['the default one', undefined, () => database.name],
      ['the default one by its name', 'default', () => database.name],
      ['a named one', 'archive', () => other.name],
    ])('%s', async (_, dataSource, expected) => {
      const imports = [NotificationsModule.forRoot({ ...OPTIONS, dataSource }), ...both()];
      await withHost(startHost({ imports }), async (host) => {
        expect(await databaseOf(host)).toBe(expected());
        await proveThatItWorks(host);
        const theirs = host.app.get<DataSource>(getDataSourceToken(dataSource));
        const { status } = await theirs.transaction((manager) =>
          host.notifications.notify('ann', { type: 't', title: 't' }, { manager }),
        );
        expect(status).toBe('queued');
      });
    });

    test('an instance, which may never have been connected', async () => {
      const dataSource = new DataSource({ type: 'postgres', url: other.url });
      const imports = [...both(), NotificationsModule.forRoot({ ...OPTIONS, dataSource })];
      await withHost(startHost({ imports }), async (host) => {
        expect(await databaseOf(host)).toBe(other.name);
        await proveThatItWorks(host);
      });
    });

    test('one that the host provides without @nestjs/typeorm', async () => {
      const dataSource = await new DataSource({ type: 'postgres', url: other.url }).initialize();
      const imports = [provideDataSource(dataSource), NotificationsModule.forRoot(OPTIONS)];
      await withHost(startHost({ imports }), async (host) => {
        expect(await databaseOf(host)).toBe(other.name);
        await proveThatItWorks(host);
      });
      await dataSource.destroy();
    });

    test('two applications of one process, each with its own schema', async () => {
      const start = (schema: string) =>
        startHost({ imports: [typeOrm(), NotificationsModule.forRoot({ ...OPTIONS, schema })] });
      const [first, second] = await Promise.all([start('first_crm'), start('second_crm')]);
      await first.notifications.notify('ann', { type: 't', title: 'of the first' });
      expect((await first.notifications.list('ann')).items).toHaveLength(1);
      expect((await second.notifications.list('ann')).items).toEqual([]);
      await Promise.all([proveThatItWorks(first), proveThatItWorks(second)]);
      await first.close();
      await proveThatItWorks(second);
      await second.close();
    });
  });

  test('whatever session it wants for itself, ours has the settings that the promises rely on', async () => {
    const options = encodeURIComponent('-c default_transaction_isolation=serializable -c work_mem=5MB');
    const dataSource = new DataSource({
      type: 'postgres',
      url: `${database.url}?options=${options}&statement_timeout=1&application_name=theirs`,
      applicationName: 'crm',
      extra: { options: '-c synchronous_commit=off', lock_timeout: 1, idle_in_transaction_session_timeout: 1 },
    });
    const imports = [NotificationsModule.forRoot({ ...OPTIONS, dataSource })];
    await withHost(startHost({ imports }), async (host) => {
      const names = [
        'default_transaction_isolation',
        'synchronous_commit',
        'statement_timeout',
        'lock_timeout',
        'idle_in_transaction_session_timeout',
        'application_name',
        'work_mem',
      ];
      const rows = await host.app
        .get(NotificationsDataSource)
        .query('SELECT name, current_setting(name) AS value FROM unnest($1::text[]) name', [names]);
      expect(Object.fromEntries(rows.map(({ name, value }: Record<string, string>) => [name, value]))).toEqual({
        default_transaction_isolation: 'read committed',
        synchronous_commit: 'on',
        statement_timeout: '30s',
        lock_timeout: '500ms',
        idle_in_transaction_session_timeout: '5s',
        application_name: 'crm notifications',
        work_mem: '5MB',
      });
      await proveThatItWorks(host);
    });
  });

  test('and gets its services by app.get()', async () => {
    await withHost(startHost({ imports: [typeOrm(), NotificationsModule.forRoot(OPTIONS)] }), async ({ app }) => {
      expect(app.get(NotificationService)).toBeInstanceOf(NotificationService);
      expect(await app.get(ParkedNotifications).list()).toEqual([]);
    });
  });
});
