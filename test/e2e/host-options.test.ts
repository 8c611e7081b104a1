import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { DynamicModule } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  inProcessBroker,
  NotificationsModule,
  type NotificationsOptions,
  postgresBroker,
} from '../../src/notifications/index.js';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import { JWT_SECRET } from '../support/crm-app.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { provideDataSource, startHost } from '../support/host-app.js';

const JWT = { secret: JWT_SECRET };
const SECRET = 'never-to-be-shown';

describe('A host whose options are wrong does not start, and is told why', () => {
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
  });

  // Fails if a start that failed has left a connection.
  afterAll(() => database.drop());

  /** As from JavaScript, or out of a configuration that TypeScript knows nothing of. */
  async function failureOf(options: unknown, more: DynamicModule[] = []): Promise<Error> {
    const notifications = NotificationsModule.forRootAsync({ useFactory: () => options as object });
    const error: unknown = await startHost({ imports: [...more, notifications] }, { silent: true }).then(
      (host) => host.close(),
      (reason) => reason,
    );
    expect(error).toMatchObject({ name: 'NotificationsError', code: 'INVALID_OPTIONS' });
    return error as Error;
  }

  const dataSource = () => new DataSource({ type: 'postgres', url: database.url });

  test.each<[string, unknown, RegExp]>([
    ['poolSize', 0, /poolSize must be a whole number from 1 to 1,000, not 0/],
    ['poolSize', '4', /poolSize must be a whole number from 1 to 1,000, not "4"/],
    ['poolSize', 4n, /poolSize must be .* not 4n/],
    ['heartbeatMs', 20, /heartbeatMs must be a whole number from 100 to 3,600,000, not 20/],
    ['heartbeatMs', null, /heartbeatMs must be .* not null/],
    ['retryMs', -1, /retryMs must be/],
    ['sweepMs', Number.NaN, /sweepMs must be .* not NaN/],
    ['sweepMs', 30 * 86_400_000, /sweepMs must be a whole number from 100 to 86,400,000, not 2592000000/],
    ['heartbeatMs', 2 ** 31, /heartbeatMs must be .* from 100 to 3,600,000/],
    ['retryMs', 2 ** 31, /retryMs must be .* from 0 to 3,600,000/],
    ['notifyTimeoutMs', 2 ** 31, /notifyTimeoutMs must be .* from 100 to 3,600,000/],
    ['slowClientMs', 2 ** 31, /slowClientMs must be .* from 100 to 86,400,000/],
    ['maxStreamAgeMs', 2 ** 31, /maxStreamAgeMs must be null or .* from 1,000 to 2,147,483,647/],
    ['poolSize', 1_001, /poolSize must be/],
    ['maxStreamsPerRecipient', 1e9, /maxStreamsPerRecipient must be/],
    ['maxStreams', 1e9, /maxStreams must be/],
    ['maxPendingBytes', 2 ** 40, /maxPendingBytes must be/],
    ['maxReplay', 1e9, /maxReplay must be/],
    ['maxStreamAgeMs', 1, /maxStreamAgeMs must be null or a whole number from 1,000 to/],
    ['slowClientMs', 1.5, /slowClientMs must be/],
    ['maxStreamsPerRecipient', 0, /maxStreamsPerRecipient must be/],
    ['maxStreams', 0, /maxStreams must be/],
    ['maxPendingBytes', Number.POSITIVE_INFINITY, /maxPendingBytes must be/],
    ['maxReplay', '1e3', /maxReplay must be/],
    ['schema', 'My Schema', /schema must be a Postgres name .* not "My Schema"/],
    ['schema', 'x; DROP TABLE deal', /schema must be a Postgres name/],
    ['schema', 'pg_crm', /schema must be a Postgres name .*pg_… and information_schema are taken/],
    ['schema', 7, /schema must be a Postgres name .* not 7/],
    ['autoMigrate', 'false', /autoMigrate must be true or false, not "false"/],
    ['acceptAccessTokenInQuery', 'yes', /acceptAccessTokenInQuery must be true or false/],
    ['retention', { days: 0 }, /retention\.days must be a number greater than 0, up to 36,500, not 0/],
    ['retention', { days: '365' }, /retention\.days must be .* not "365"/],
    ['retention', { days: Number.NaN }, /retention\.days must be .* not NaN/],
    ['retention', { days: Number.POSITIVE_INFINITY }, /retention\.days must be .* not Infinity/],
    ['retention', {}, /retention\.days is missing/],
    ['retention', { days: 365, hours: 1 }, /retention\.hours is not an option\. The options are retention\.days\./],
    ['retention', 365, /retention must be null or an object such as \{ days: 365 \}, not 365/],
    ['retention', false, /retention must be null or an object/],
    ['cors', true, /cors must be false or a list of origins .* not true/],
    ['cors', ['*'], /cors must be false or a list of origins/],
    ['cors', ['https://crm.example.com/'], /cors contains .* never the Origin.* Write https:\/\/crm\.example\.com\./],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what this is about
    ['cors', [, 'https://a.example'], /cors must be false or a list of origins/],
    ['cors', ['blob:https://a.example'], /cors contains "blob:.* Write https:\/\/a\.example\./],
    ['cors', ['data:text/html,x'], /cors contains "data:.* Leave it out: browsers send null/],
    ['cors', ['file:///x'], /cors contains "file:.* Leave it out: browsers send null/],
    ['cors', ['file://server/x'], /cors contains "file:.* Leave it out: browsers send null/],
    ['streamHeaders', { 'X-Tag': '好' }, /streamHeaders has "X-Tag", which cannot be sent: .* printable ASCII/],
    ['streamHeaders', { 'X-Tag': 'Zoë' }, /streamHeaders has "X-Tag", which cannot be sent/],
    ['streamHeaders', { 'X-Tag': 'a\r\nSet-Cookie: b' }, /streamHeaders has "X-Tag"/],
    ['streamHeaders', { 'X Tag': 'a' }, /streamHeaders has "X Tag"/],
    ['streamHeaders', { 'X-Tag': undefined }, /streamHeaders has "X-Tag"/],
    ['streamHeaders', { 'X-A': 'a', 'Content-Length': '5' }, /has "Content-Length".* for the stream itself to set/],
    ['streamHeaders', 'X-A: 1', /streamHeaders must be a plain object of headers/],
    ['streamHeaders', new Map([['X-A', 'b']]), /streamHeaders must be a plain object of headers/],
    ['streamHeaders', new Headers([['X-A', 'b']]), /streamHeaders must be a plain object of headers/],
    ['streamHeaders', [['X-A', 'b']], /streamHeaders must be a plain object of headers/],
    ['streamHeaders', { 'X-A': null }, /streamHeaders has "X-A".* of type object, and no string/],
    ['streamHeaders', { 'X-A': { a: 1 } }, /streamHeaders has "X-A".* of type object, and no string/],
    ['streamHeaders', { 'X-A': 5 }, /streamHeaders has "X-A".* of type number, and no string/],
    ['streamHeaders', { 'Content-Type': 'text/plain' }, /has "Content-Type".* for the stream itself to set/],
    ['streamHeaders', { connection: 'close' }, /has "connection".* for the stream itself to set/],
    ['streamHeaders', { 'Cache-Control': 'public' }, /has "Cache-Control".* for the stream itself to set/],
    ['streamToken', SECRET, /streamToken must be an object .* not of type string/],
    ['streamToken', { ttlMs: 10 }, /streamToken\.ttlMs must be a whole number from 1,000 to 86,400,000/],
    ['streamToken', { ttlMs: 1e16 }, /streamToken\.ttlMs must be/],
    ['streamToken', { ttlMs: '60000' }, /streamToken\.ttlMs must be .* not "60000"/],
    ['streamToken', { secret: 7 }, /streamToken\.secret must be a string of at least 16 characters, not 7/],
    [
      'streamToken',
      { ttl: 60_000 },
      /streamToken\.ttl is not an option\. The options are streamToken\.secret, streamToken\.ttlMs\./,
    ],
    ['streamToken', { secret: 'too-short' }, /streamToken\.secret must be a string of at least 16 characters/],
    ['jwt', SECRET, /jwt must be an object with secret or jwksUri, not of type string/],
    ['jwt', null, /jwt must be an object with secret or jwksUri, not null/],
    ['jwt', { secret: 'too-short' }, /jwt\.secret must be a string of at least 16 characters/],
    ['jwt', { secret: SECRET, jwksUri: 'https://a.example/jwks' }, /jwt needs exactly one of secret/],
    ['jwt', { secret: 7 }, /jwt\.secret must be a string, not 7/],
    ['jwt', { secret: JWT_SECRET, recipientclaim: 'id' }, /jwt\.recipientclaim is not an option.*jwt\.recipientClaim/],
    ['jwt', { secret: JWT_SECRET, recipientClaim: 7 }, /jwt\.recipientClaim must be the name of a claim, not 7/],
    ['jwt', { secret: JWT_SECRET, tenantClaim: '' }, /jwt\.tenantClaim must be the name of a claim/],
    ['jwt', { secret: JWT_SECRET, issuer: [] }, /jwt\.issuer must be a string, or a list of strings, not \[\]/],
    ['jwt', { secret: JWT_SECRET, audience: [7] }, /jwt\.audience must be a string, or a list of strings, not \[7\]/],
    ['jwt', undefined, /exactly one of authenticate\(request\) and jwt/],
    ['authenticate', () => null, /exactly one of authenticate\(request\) and jwt.*both are given/],
    ['authenticate', 'jwt', /authenticate must be a function/],
    ['broker', 'redis://localhost', /broker must be a broker such as inProcessBroker\(\), not of type string/],
    ['broker', inProcessBroker()({ channel: 'a' } as never), /broker must be .* not of type object/],
    ['dataSource', 7, /dataSource must be a DataSource or the name of one/],
    ['dataSource', { type: 'postgres', url: `postgres://u:${SECRET}@h/d` }, /dataSource must be a DataSource/],
    ['heartbeat', 20_000, /heartbeat is not an option\. The options are .*heartbeatMs/],
    ['toString', () => 'x', /toString is not an option\. The options are .*heartbeatMs/],
    ['__proto__', { schema: 'x' }, /__proto__ is not an option\. The options are .*heartbeatMs/],
    ['constructor', 5, /constructor is not an option\. The options are .*heartbeatMs/],
    ['path', 'inbox', /path comes too late: .* Give it to forRootAsync beside useFactory/],
  ])('%s: %p', async (name, value, message) => {
    const { message: told } = await failureOf({ dataSource: dataSource(), jwt: JWT, [name]: value });
    expect(told).toMatch(message);
    expect(told).not.toMatch(/never-to-be-shown|too-short/);
  });

  test.each<[string, object, RegExp]>([
    ['controllers', { controllers: 'false' }, /controllers must be true or false, not "false"/],
    ['isGlobal', { isGlobal: 1 }, /isGlobal must be true or false, not 1/],
    ['path', { path: ['a', 'b'] }, /path must be a path/],
    ['path', { path: 'inbox?x' }, /path must be a path/],
    ['path', { path: 'a(b' }, /path must be a path .* without wildcards and groups, not "a\(b"/],
    ['path', { path: '*' }, /path must be a path .* without wildcards and groups, not "\*"/],
    ['path', { path: 'a/*rest' }, /path must be a path/],
    ['path', { path: 'a{/b}' }, /path must be a path/],
    ['path', { path: 'a:/b' }, /path must be a path/],
    ['a name of Object.prototype', { toString: 1 }, /toString is not an option\. The options are path, controllers/],
    ['controllerDecorators', { controllerDecorators: [null] }, /controllerDecorators must be a list of decorators/],
    ['an option', { jwt: JWT }, /jwt has no effect beside useFactory.* return it from there/],
    ['something else', { pth: 'inbox' }, /pth is not an option\. The options are path, controllers/],
  ])('%s beside useFactory: refused where the module is defined', (_, extras, message) => {
    const define = () => NotificationsModule.forRootAsync({ ...extras, useFactory: () => ({ jwt: JWT }) } as never);
    expect(define).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  test.each<[string, object, RegExp]>([
    ['path', { path: 'a(b' }, /path must be a path/],
    ['path', { path: '*' }, /path must be a path/],
    // biome-ignore lint/suspicious/noSparseArray: a hole is what this is about
    ['controllerDecorators', { controllerDecorators: [, () => {}] }, /controllerDecorators must be a list/],
  ])('%s of forRoot: refused where the module is defined', (_, options, message) => {
    expect(() => NotificationsModule.forRoot({ jwt: JWT, ...options })).toThrow(
      expect.objectContaining({ code: 'INVALID_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  test.each(['toString', 'constructor', 'hasOwnProperty'])(
    '%s of forRoot is no option: all are named',
    async (name) => {
      const options = { dataSource: dataSource(), jwt: JWT, [name]: 5 };
      const start = async () => await startHost({ imports: [NotificationsModule.forRoot(options)] }, { silent: true });
      await expect(start()).rejects.toMatchObject({
        code: 'INVALID_OPTIONS',
        message: expect.stringMatching(`${name} is not an option\\. The options are .*heartbeatMs`),
      });
    },
  );

  /** Ways to give an option that no spread and no `Object.keys()` shows. */
  const HIDDEN: [how: string, give: (name: string, value: unknown) => object][] = [
    [
      'as a getter of a class',
      (name, value) => Object.create(Object.create(Object.prototype, { [name]: { get: () => value } })),
    ],
    ['behind a prototype', (name, value) => Object.create({ [name]: value })],
    ['not enumerable', (name, value) => Object.defineProperty({}, name, { value })],
  ];

  test.each(HIDDEN)('an option %s is checked, on every level and however it comes', async (_, give) => {
    const options = () => Object.assign(give('maxStreams', -7), { dataSource: dataSource(), jwt: JWT });
    expect((await failureOf(options())).message).toMatch(/maxStreams must be .* not -7/);
    const start = startHost({ imports: [NotificationsModule.forRoot(options())] }, { silent: true });
    await expect(start).rejects.toMatchObject({ message: expect.stringMatching(/maxStreams must be .* not -7/) });
    const nested = { dataSource: dataSource(), jwt: Object.assign(give('issuer', ''), JWT) };
    expect((await failureOf(nested)).message).toMatch(/jwt\.issuer must be/);
    expect(() => NotificationsModule.forRoot(Object.assign(give('path', '*'), { jwt: JWT }))).toThrow(/path must be/);
    expect(() => postgresBroker(give('heartbeatMs', 1))).toThrow(/heartbeatMs must be/);
  });

  test.each(HIDDEN)('and used: %s', (_, give) => {
    expect(resolveOptions(Object.assign(give('maxStreams', 7), { jwt: JWT })).maxStreams).toBe(7);
    expect(resolveOptions({ jwt: give('secret', JWT_SECRET) }).jwt).toEqual(JWT);
    // A method of a class is no option.
    expect(
      resolveOptions(
        new (class {
          jwt = JWT;
          load(): void {}
        })(),
      ).jwt,
    ).toEqual(JWT);
  });

  test.each<[string, NotificationsOptions]>([
    ['directStreamPath', { directStreamPath: '/notifications/stream' }],
    ['streamWriter', { streamWriter: 'nest' }],
    ['streamHeaders', { streamHeaders: { 'X-Tag': 'a' } }],
    ['cors', { cors: ['https://crm.example.com'] }],
    ['acceptAccessTokenInQuery', { acceptAccessTokenInQuery: true }],
    ['streamToken', { streamToken: { ttlMs: 5_000 } }],
    ['jwt', { jwt: JWT }],
    ['authenticate, jwt', { authenticate: () => null, jwt: JWT }],
  ])('%s without controllers: nothing would use it', async (names, options) => {
    const notifications = NotificationsModule.forRoot({ dataSource: dataSource(), controllers: false, ...options });
    const start = startHost({ imports: [notifications] }, { silent: true }).then((host) => host.close());
    await expect(start).rejects.toMatchObject({
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining(`NotificationsModule: ${names} would have no effect: controllers is false`),
    });
  });

  test('no options at all', async () => {
    expect((await failureOf(undefined)).message).toMatch(/the options must be an object, not undefined/);
    expect((await failureOf(null)).message).toMatch(/the options must be an object, not null/);
  });

  test('no DataSource: the error says what to import', async () => {
    expect((await failureOf({ jwt: JWT })).message).toMatch(
      /no provider of a default DataSource.* Import TypeOrmModule\.forRoot.*or give the option dataSource/,
    );
  });

  test('a name that no DataSource has', async () => {
    const connected = await dataSource().initialize();
    const { message } = await failureOf({ jwt: JWT, dataSource: 'archive' }, [provideDataSource(connected)]);
    expect(message).toMatch(/no provider of a DataSource of the name archive/);
    await connected.destroy();
  });

  test('a DataSource that is not Postgres', async () => {
    const mysql = Object.create(DataSource.prototype, { options: { value: { type: 'mysql' } } });
    expect((await failureOf({ jwt: JWT, dataSource: mysql })).message).toMatch(
      /need Postgres, but the DataSource is of type 'mysql'\. Name another one in the option dataSource/,
    );
  });

  test('tables that are not there, with autoMigrate off', async () => {
    const { message } = await failureOf({ dataSource: dataSource(), jwt: JWT, autoMigrate: false });
    expect(message).toMatch(/schema 'notifications' are not up to date.* runNotificationsMigrations\(\)/);
  });

  test('a broker that cannot be made: nothing is left', async () => {
    const broker = () => {
      throw new Error('no such broker');
    };
    const start = startHost(
      { imports: [NotificationsModule.forRoot({ dataSource: dataSource(), jwt: JWT, broker })] },
      { silent: true },
    );
    await expect(start).rejects.toThrow('no such broker');
  });

  test('a database that is not there: the error of Postgres, and nothing is left', async () => {
    const absent = new DataSource({ type: 'postgres', url: database.url.replace(database.name, 'ncn_test_absent') });
    const start = startHost(
      { imports: [NotificationsModule.forRoot({ dataSource: absent, jwt: JWT })] },
      { silent: true },
    );
    await expect(start).rejects.toThrow('database "ncn_test_absent" does not exist');
  });
});

describe('An option that is given as undefined has its default', () => {
  test('also those that are needed when the module is defined', async () => {
    const database = await createTestDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url });
    const nothing = { path: undefined, controllers: undefined, isGlobal: undefined, controllerDecorators: undefined };
    const options = { dataSource, jwt: JWT, schema: undefined, poolSize: undefined, cors: undefined };
    const host = await startHost({ imports: [NotificationsModule.forRoot({ ...nothing, ...options })] });
    expect((await fetch(`${host.url}/notifications`)).status).toBe(401);
    expect((await fetch(`${host.url}/unread-count`)).status).toBe(404);
    await host.close();
    await database.drop();
  });

  test('also without controllers; and what is given as it is by default is no contradiction there', async () => {
    const database = await createTestDatabase();
    const dataSource = new DataSource({ type: 'postgres', url: database.url });
    const defaults = { jwt: undefined, directStreamPath: null, streamWriter: 'socket', cors: false } as const;
    const notifications = NotificationsModule.forRoot({ dataSource, controllers: false, ...defaults });
    await (await startHost({ imports: [notifications] })).close();
    await database.drop();
  });
});
