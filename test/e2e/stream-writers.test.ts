import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import { STREAM_WRITERS } from '../support/adapters.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { RawConnection } from '../support/raw-connection.js';
import { refusal } from '../support/refusal.js';

const LAST_CHUNK = '\r\n0\r\n\r\n';

interface Answer {
  status: string;
  /** In their order, without Date; names in lower case, as Nest sends some of them. */
  headers: string[];
  isChunked: boolean;
  /** Without the chunks that it came in. */
  body: string;
}

describe('Both writers of streams', () => {
  let database: TestDatabase;
  let token: string;
  const cleanUp = useCleanup();

  beforeAll(async () => {
    database = await createMigratedDatabase();
    token = await accessToken('ann');
    const crm = await startCrmApp(database);
    for (const title of ['one', '好', 'three']) await crm.notifications.notify('ann', { type: 't', title });
    await crm.close();
  });

  afterAll(() => database.drop());

  /** What hosts do to responses. */
  function configure(app: INestApplication): void {
    app.use((_request: unknown, response: Response, next: () => void) => {
      response.setHeader('X-Frame-Options', 'DENY');
      response.appendHeader('Set-Cookie', 'a=1');
      response.appendHeader('Set-Cookie', 'b=2; HttpOnly');
      // What the stream has to say about itself wins.
      response.setHeader('Cache-Control', 'public');
      response.setHeader('Content-Type', 'text/plain');
      next();
    });
    app.useGlobalInterceptors({
      intercept(context, next) {
        context.switchToHttp().getResponse<Response>().setHeader('X-Interceptor', 'was here');
        return next.handle();
      },
    });
  }

  async function start(streamWriter: (typeof STREAM_WRITERS)[number]): Promise<CrmApp> {
    const notifications = {
      streamWriter,
      cors: ['https://crm.example.com'],
      streamHeaders: { 'X-Region': 'eu' },
    };
    const crm = await startCrmApp(database, { notifications, configure });
    cleanUp(() => crm.close());
    return crm;
  }

  /** The answer of a writer, all of it: ready, what was missed, something live, and the server's end of it. */
  async function answerOf(crm: CrmApp, method: string, version: string, headers: string[]): Promise<Answer> {
    const client = await RawConnection.open(crm.url);
    cleanUp(() => client.close());
    const authorization = `Authorization: Bearer ${token}`;
    client.send(`${method} /notifications/stream HTTP/${version}`, 'Host: crm', authorization, ...headers, '');
    if (method === 'HEAD') {
      await client.until('\r\n\r\n');
    } else {
      await client.until('event: state');
      crm.notifications.signal('ann', 'progress', { text: '好'.repeat(100) });
      await client.until('event: signal');
      await crm.notifications.disconnect('ann');
      await client.until('event: close');
      const isOver = () => client.ended || client.received.endsWith(LAST_CHUNK);
      await eventually(() => expect(isOver()).toBe(true));
    }
    return parse(client.received);
  }

  test.each<[what: string, method: string, version: string, headers: string[]]>([
    ['HTTP/1.1', 'GET', '1.1', []],
    ['HTTP/1.1 with a cursor', 'GET', '1.1', ['Last-Event-ID: 1']],
    ['HTTP/1.1, from another site', 'GET', '1.1', ['Origin: https://crm.example.com']],
    ['HTTP/1.1 for one answer only', 'GET', '1.1', ['Connection: close']],
    ['HTTP/1.0', 'GET', '1.0', ['Last-Event-ID: 1']],
    ['HTTP/1.0 that would stay', 'GET', '1.0', ['Connection: keep-alive']],
    ['HEAD', 'HEAD', '1.1', []],
  ])('send the same head and the same events: %s', async (_, method, version, headers) => {
    const cursor = headers.some((header) => header.startsWith('Last-Event-ID')) ? [] : ['Last-Event-ID: 2'];
    const answers: Answer[] = [];
    for (const writer of STREAM_WRITERS) {
      answers.push(await answerOf(await start(writer), method, version, [...headers, ...cursor]));
    }
    const [bySocket, byNest] = answers as [Answer, Answer];
    expect(byNest.headers).toContain('connection: keep-alive');
    // The one difference: a connection that was taken from Node's HTTP server ends with its stream. HEAD takes none.
    const ofSocket = byNest.headers.map((header) =>
      header === 'connection: keep-alive' && method === 'GET' ? 'connection: close' : header,
    );
    expect(bySocket).toEqual({ ...byNest, headers: ofSocket });
    expect(bySocket.status).toBe('HTTP/1.1 200 OK');
    expect(bySocket.headers).toEqual(
      expect.arrayContaining([
        'x-powered-by: Express',
        'x-frame-options: DENY',
        'set-cookie: a=1',
        'set-cookie: b=2; HttpOnly',
        'x-interceptor: was here',
        'x-region: eu',
        'content-type: text/event-stream',
        expect.stringMatching(/^cache-control: .*no-store/),
      ]),
    );
    expect(bySocket.isChunked).toBe(method === 'GET' && version === '1.1');
    const events = [...bySocket.body.matchAll(/^event: (.*)$/gm)].map(([, type]) => type);
    expect(events).toEqual(method === 'HEAD' ? [] : ['ready', 'state', 'signal', 'close']);
  });

  test('send the status that an interceptor has set', async () => {
    for (const writer of STREAM_WRITERS) {
      const crm = await startCrmApp(database, {
        notifications: { streamWriter: writer },
        configure: (app) =>
          app.useGlobalInterceptors({
            intercept(context, next) {
              context.switchToHttp().getResponse<Response>().statusCode = 203;
              return next.handle();
            },
          }),
      });
      cleanUp(() => crm.close());
      const { status, body } = await answerOf(crm, 'GET', '1.1', ['Last-Event-ID: 1']);
      expect(status).toBe('HTTP/1.1 203 Non-Authoritative Information');
      expect(body).toContain('event: ready');
    }
  });

  test.each(['sockets', 'Nest', '', null, true])(
    'are what streamWriter may name, and nothing else: %j',
    async (value) => {
      const { message } = await refusal(() => resolveOptions({ streamWriter: value as never }), 'INVALID_OPTIONS');
      expect(message).toContain(`streamWriter must be 'socket' or 'nest', not ${JSON.stringify(value)}.`);
    },
  );
});

type Response = { statusCode: number; setHeader(...header: string[]): void; appendHeader(...header: string[]): void };

function parse(received: string): Answer {
  const end = received.indexOf('\r\n\r\n');
  const [status = '', ...lines] = received.slice(0, end).split('\r\n');
  const headers = lines.flatMap((line) => {
    const [, name, value] = /^([^:]+): (.*)$/.exec(line) ?? [];
    return name?.toLowerCase() === 'date' ? [] : `${name?.toLowerCase()}: ${value}`;
  });
  const isChunked = headers.includes('transfer-encoding: chunked') && received.length > end + 4;
  const rest = received.slice(end + 4);
  return { status, headers, isChunked, body: isChunked ? withoutChunks(rest) : rest };
}

/** RFC 9112, 7.1. */
function withoutChunks(text: string): string {
  let body = '';
  for (let at = 0; ; ) {
    const lineEnd = text.indexOf('\r\n', at);
    const length = Number.parseInt(text.slice(at, lineEnd), 16);
    const next = lineEnd + 2 + length + 2;
    if (!(length >= 0) || text.slice(next - 2, next) !== '\r\n') throw new Error(`No chunk: ${text.slice(at)}`);
    if (length === 0) {
      if (next !== text.length) throw new Error(`After the last chunk: ${text.slice(next)}`);
      return body;
    }
    body += text.slice(lineEnd + 2, lineEnd + 2 + length);
    at = next;
  }
}
