import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { build } from 'esbuild';
import type { NextFunction, Request, Response } from 'express';
import type { NotificationService } from '../../../src/notifications/index.js';
import {
  accessToken,
  type CrmApp,
  type CrmAppOptions,
  createMigratedDatabase,
  startCrmApp,
} from '../../support/crm-app.js';
import type { TestDatabase } from '../../support/database.js';

/** When a response with an event stream began, and when it ended; as `performance.now()` has it. */
interface Stream {
  readonly from: number;
  to?: number;
}

/** A CRM that serves a page with the client: real HTTP, real Postgres. */
export interface ClientHost {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  readonly port: number;
  readonly notifications: NotificationService;
  /** Every event stream that was asked for. */
  readonly streams: readonly Stream[];
  /** How many are open at this moment. */
  readonly openStreams: number;
  /** How long access tokens are good that are given from now on. @default an hour */
  sessionMs: number;
  /** Users who get no access token. */
  readonly signedOut: Set<string>;
  /** Comes before every request. Without a call of `next` the request hangs. */
  intercept: Intercept;
  /** Sends so many notifications, one after the other. */
  notify(user: string, count?: number): Promise<void>;
  stop(): Promise<void>;
  /** Again, on the same port. */
  start(): Promise<void>;
}

type Intercept = (request: Request, response: Response, next: NextFunction) => void;

const PASS: Intercept = (_request, _response, next) => next();
const AN_HOUR_MS = 3_600_000;
const PAGE =
  '<!doctype html><title>CRM</title><link rel="icon" href="data:,"><script src="/client.js"></script><h1>CRM</h1>';

/** One for the tests of a file or block, over a database of its own. */
export function useClientHost(notifications?: CrmAppOptions['notifications']): () => ClientHost {
  let database: TestDatabase;
  let host: ClientHost;
  beforeAll(async () => {
    database = await createMigratedDatabase();
    host = await startClientHost(database, notifications);
  });
  afterEach(() => {
    host.sessionMs = AN_HOUR_MS;
    host.signedOut.clear();
    host.intercept = PASS;
  });
  afterAll(async () => {
    await host.stop();
    await database.drop();
  });
  return () => host;
}

async function startClientHost(
  database: { url: string },
  notifications?: CrmAppOptions['notifications'],
): Promise<ClientHost> {
  const script = await bundle();
  const streams: Stream[] = [];
  let crm: CrmApp;

  const serve = async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    const { pathname } = new URL(request.url, 'http://host');
    const user = /^\/session\/(.+)/.exec(pathname)?.[1];
    if (pathname === '/page') response.type('html').send(PAGE);
    else if (pathname === '/elsewhere') response.type('html').send('<!doctype html><link rel="icon" href="data:,">');
    else if (pathname === '/client.js') response.type('js').send(script);
    else if (user && host.signedOut.has(user)) response.sendStatus(401);
    else if (user) response.type('text').send(await accessToken(user, {}, new Date(Date.now() + host.sessionMs)));
    else {
      if (pathname === '/notifications/stream') {
        const stream: Stream = { from: performance.now() };
        streams.push(stream);
        response.on('close', () => {
          stream.to = performance.now();
        });
      }
      next();
    }
  };

  const host: ClientHost = {
    get url() {
      return crm.url;
    },
    get port() {
      return Number(new URL(crm.url).port);
    },
    get notifications() {
      return crm.notifications;
    },
    streams,
    get openStreams() {
      return streams.filter(({ to }) => to === undefined).length;
    },
    sessionMs: AN_HOUR_MS,
    signedOut: new Set(),
    intercept: PASS,
    notify: async (user, count = 1) => {
      for (let i = 1; i <= count; i++) await crm.notifications.notify(user, { type: 't', title: `${i}` });
    },
    stop: () => crm.close(),
    start: async () => {
      crm = await startCrmApp(database, {
        // When a stream ends is seen by its response, which with 'socket' ends when the stream begins.
        notifications: { streamWriter: 'nest', ...notifications },
        port: crm && host.port,
        configure: (app) =>
          app.use((request: Request, response: Response, next: NextFunction) =>
            host.intercept(request, response, () => void serve(request, response, next)),
          ),
      });
    },
  };
  await host.start();
  return host;
}

async function bundle(): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('./page-script.ts', import.meta.url))],
    bundle: true,
    write: false,
    target: 'es2022',
    sourcemap: 'inline',
  });
  return outputFiles[0]?.text as string;
}
