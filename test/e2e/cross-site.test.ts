import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { STREAM_HOSTS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { StreamClient } from '../support/stream-client.js';

const PATH = '/notifications/stream';
const COOKIE = { cookie: 'sid=ann' };
const FOREIGN = { ...COOKIE, origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };

describe.each(STREAM_HOSTS)('A foreign page, on %s', (_, create, options) => {
  let database: TestDatabase;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
  });

  afterAll(() => database.drop());

  async function start() {
    const crm = await startCrmApp(database, {
      adapter: create(),
      notifications: {
        ...options,
        jwt: undefined,
        authenticate: ({ headers }) => ({ recipient: String(headers.cookie).slice('sid='.length) }),
        streamToken: { secret: 'a secret for stream tokens' },
        directStreamPath: options.streamWriter === 'nest' ? null : PATH,
        maxStreamsPerRecipient: 2,
      },
    });
    cleanUp(() => crm.close());
    const open = async (headers: Record<string, string>, query = ''): Promise<StreamClient> => {
      const client = new StreamClient(`${crm.url}${PATH}${query}`, { headers });
      cleanUp(() => client.close());
      await client.until(() => client.of('ready').length > 0 || client.ended);
      return client;
    };
    return { ...crm, open };
  }

  test("with the user's cookie takes none of the user's places", async () => {
    const crm = await start();
    for (let i = 0; i < 3; i++) {
      const foreign = await crm.open(FOREIGN, '?');
      expect([foreign.status, JSON.parse(foreign.body)]).toMatchObject([403, { statusCode: 403, error: 'Forbidden' }]);
    }
    expect(crm.notifications.connections('ann')).toBe(0);
    for (let i = 0; i < 2; i++)
      expect((await crm.open({ ...COOKIE, 'sec-fetch-site': 'same-origin' })).status).toBe(200);
    expect((await crm.open(COOKIE)).status).toBe(429);
  });

  test('opens a stream with a token that the user has given it', async () => {
    const crm = await start();
    const answer = await fetch(`${crm.url}/notifications/stream-token`, { method: 'POST', headers: COOKIE });
    const { token } = (await answer.json()) as { token: string };
    expect((await crm.open(FOREIGN, `?token=${token}`)).status).toBe(200);
    expect((await crm.open(FOREIGN, '?token=bad')).status).toBe(401);
    expect(crm.notifications.connections('ann')).toBe(1);
  });
});
