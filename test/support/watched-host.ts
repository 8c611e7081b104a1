import { afterAll, afterEach, beforeAll, beforeEach, expect } from '@jest/globals';
import { type INestApplication, Logger } from '@nestjs/common';
import { useCleanup } from './cleanup.js';
import { accessToken, type CrmApp, type CrmAppOptions, createMigratedDatabase, startCrmApp } from './crm-app.js';
import type { TestDatabase } from './database.js';
import { eventually } from './eventually.js';
import { StreamClient } from './stream-client.js';

/** A host of which everything is noticed that goes wrong with what is around its streams. */
export interface WatchedHost extends CrmApp {
  /** Warnings and errors. */
  readonly logged: string[];
  get(path: string, request?: { method?: string; headers?: Record<string, string> }): Promise<Response>;
  /** @param request with a `query` it brings no other credentials. */
  open(request?: { headers?: Record<string, string>; query?: string }): Promise<StreamClient>;
  /** Frames come, each once; the stream ends, and its place is free. */
  expectWhole(client: StreamClient): Promise<void>;
}

/** Hosts over a database of the block or file, closed after each test. */
export function useWatchedHosts(): (
  options: CrmAppOptions & { configure(app: INestApplication): void },
) => Promise<WatchedHost> {
  const cleanUp = useCleanup();
  let database: TestDatabase;
  let token: string;
  let logged: string[];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    token = await accessToken('ann');
  });
  beforeEach(() => {
    logged = [];
  });
  afterEach(() => Logger.overrideLogger(['error', 'fatal']));
  afterAll(() => database.drop());

  return async (options) => {
    const crm = await startCrmApp(database, {
      ...options,
      notifications: { maxStreamsPerRecipient: 1, ...options.notifications },
    });
    const lines = logged;
    const log = (...parts: unknown[]) => void lines.push(parts.map(String).join(' '));
    Logger.overrideLogger({ log: () => {}, warn: log, error: log, fatal: log });
    cleanUp(() => crm.close());
    const credentials = { authorization: `Bearer ${token}` };
    return {
      ...crm,
      logged: lines,
      get: (path, { method, headers } = {}) =>
        fetch(`${crm.url}/notifications/${path}`, { method, headers: { ...credentials, ...headers } }),
      open: async ({ headers, query = '' } = {}) => {
        const client = new StreamClient(`${crm.url}/notifications/stream${query}`, {
          headers: { ...(query === '' && credentials), 'accept-encoding': 'gzip, br', ...headers },
        });
        cleanUp(() => client.close());
        await client.until(() => client.of('ready').length === 1 || client.ended);
        expect(client.status).toBe(200);
        return client;
      },
      expectWhole: async (client) => {
        for (const title of ['one', 'two']) {
          await crm.notifications.notify('ann', { type: 't', title });
          await client.until(() => client.of('message').at(-1)?.data.title === title);
        }
        await crm.notifications.disconnect('ann');
        await client.until(() => client.ended);
        const events = client.frames.map(({ event }) => event).filter((event) => event !== 'state');
        expect(events).toEqual(['ready', 'message', 'message', 'close']);
        expect(client.headers['content-encoding']).toBeUndefined();
        expect(client.headers['transfer-encoding']).toBe('chunked');
        await eventually(() => expect(crm.notifications.connections()).toBe(0));
      },
    };
  };
}
