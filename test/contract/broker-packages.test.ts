import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { outputOfTs } from '../support/run-ts.js';

describe('A broker whose client is not installed', () => {
  let database: TestDatabase;
  let outcomes: Record<'redis' | 'nats' | 'none', unknown>;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    outcomes = JSON.parse(await outputOfTs(new URL('./start-without-packages.ts', import.meta.url), [database.url]));
  });
  afterAll(() => database.drop());

  test.each([
    ['redis', 'redisBroker()', 'redis'],
    ['nats', 'natsBroker()', '@nats-io/transport-node'],
  ] as const)('ends the start of the application, and names the package in one sentence: %s', (broker, user, name) => {
    expect(outcomes[broker]).toEqual({
      name: 'NotificationsError',
      code: 'INVALID_OPTIONS',
      message: expect.stringContaining(`${user} needs the package ${name}: run \`npm install ${name}\`.`),
    });
  });

  test('is no matter for who uses another one', () => {
    expect(outcomes.none).toBe('started');
  });
});
