import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type * as NestTypeOrm from '@nestjs/typeorm';
import * as ours from 'typeorm';
import { NotificationsModule, runNotificationsMigrations } from '../../src/notifications/index.js';
import { JWT_SECRET } from '../support/crm-app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { type HostApp, startHost } from '../support/host-app.js';

/** Those that a host has twice where two of its packages want different versions of TypeORM. */
const COPIED = ['typeorm', '@nestjs/typeorm'];

/** A folder whose `node_modules` has copies of them, and leads to the checkout's packages for everything else. */
function copyPackages(): string {
  const folder = mkdtempSync(join(tmpdir(), 'ncn-two-typeorms-'));
  const here = resolve('node_modules');
  const there = join(folder, 'node_modules');
  mkdirSync(join(there, '@nestjs'), { recursive: true });
  const names = [...readdirSync(here), ...readdirSync(join(here, '@nestjs')).map((name) => `@nestjs/${name}`)];
  for (const name of names.filter((name) => !name.startsWith('.') && name !== '@nestjs')) {
    if (COPIED.includes(name)) cpSync(join(here, name), join(there, name), { recursive: true, filter: isLoaded });
    else symlinkSync(join(here, name), join(there, name));
  }
  return there;
}

function isLoaded(path: string): boolean {
  return !/\.(d\.ts|map)$|typeorm\/browser$/.test(path);
}

describe('A host with a copy of TypeORM of its own', () => {
  let packages: string;
  let theirs: typeof ours;
  let nest: typeof NestTypeOrm;
  let database: TestDatabase;

  beforeAll(async () => {
    packages = copyPackages();
    const load = (path: string) => import(pathToFileURL(join(packages, path)).href);
    theirs = await load('typeorm/index.mjs');
    nest = await load('@nestjs/typeorm/dist/index.js');
    database = await createTestDatabase();
  }, 60_000);

  afterAll(async () => {
    rmSync(join(packages, '..'), { recursive: true });
    await database.drop();
  }, 60_000);

  test('really has one', () => {
    expect(theirs.DataSource).not.toBe(ours.DataSource);
    expect(nest.getDataSourceToken()).toBe(theirs.DataSource);
  });

  async function proveThatItWorks(host: HostApp, dataSource: ours.DataSource): Promise<void> {
    const { notifications } = host;
    expect(dataSource).toBeInstanceOf(theirs.DataSource);
    expect(await notifications.notify('ann', { type: 't', title: 'direct' })).toMatchObject({ status: 'delivered' });
    await dataSource.transaction(async (manager) => {
      expect(await notifications.notify('ann', { type: 't', title: 'committed' }, { manager })).toMatchObject({
        status: 'queued',
      });
    });
    await dataSource
      .transaction(async (manager) => {
        await notifications.notify('ann', { type: 't', title: 'rolled back' }, { manager });
        throw new Error('no');
      })
      .catch(() => undefined);
    await dataSource.destroy().catch(() => undefined);
  }

  const settings = () => ({ type: 'postgres' as const, url: database.url, retryAttempts: 0 });
  const jwt = { secret: JWT_SECRET };

  test.each<[string, string | undefined]>([
    ['its default DataSource, before and after us', undefined],
    ['a DataSource by its name', 'archive'],
  ])('gives us %s', async (_, name) => {
    const typeOrm = nest.TypeOrmModule.forRoot({ ...settings(), name });
    const notifications = NotificationsModule.forRoot({ jwt, dataSource: name });
    for (const imports of [
      [typeOrm, notifications],
      [notifications, typeOrm],
    ]) {
      const host = await startHost({ imports });
      const dataSource = host.app.get<ours.DataSource>(nest.getDataSourceToken(name) as never);
      await proveThatItWorks(host, dataSource).finally(() => host.close());
    }
  });

  test('may give us a DataSource, or let us migrate with one', async () => {
    const dataSource = new theirs.DataSource(settings()) as unknown as ours.DataSource;
    await runNotificationsMigrations(dataSource, { schema: 'by_hand' });
    await dataSource.initialize();
    const host = await startHost({
      imports: [NotificationsModule.forRoot({ jwt, dataSource, schema: 'by_hand', autoMigrate: false })],
    });
    await proveThatItWorks(host, dataSource).finally(() => host.close());
  });

  test('has to say which one is meant, where two copies have a default one and ours has none', async () => {
    const copies = [1, 2].map(() => {
      class DataSource {}
      return { module: class CopyModule {}, providers: [{ provide: DataSource, useValue: {} }] };
    });
    const imports = [...copies, NotificationsModule.forRoot({ jwt })];
    await expect(startHost({ imports }, { silent: true })).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(/2 classes named DataSource.* by the option dataSource/),
    });
  });

  test('is told what to import where a class by that name is something else', async () => {
    class DataSource {}
    const another = { module: class OtherModule {}, providers: [{ provide: DataSource, useValue: {} }] };
    await expect(
      startHost({ imports: [another, NotificationsModule.forRoot({ jwt })] }, { silent: true }),
    ).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringMatching(/no provider of a default DataSource/),
    });
  });
});
