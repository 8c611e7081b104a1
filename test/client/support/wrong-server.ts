import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a client asks a server for. */
export type Asked = 'list' | 'token' | 'stream' | 'mark';

/** Answers a request; `good` is what the server of these notifications would say. */
export type Answer = (response: ServerResponse, good: unknown) => void;

const NUMBERS = { lastId: 1, unread: 1, revision: 3 };
const ITEM = {
  id: 1,
  type: 't',
  title: 'T',
  body: null,
  url: null,
  data: {},
  createdAt: '2026-01-01T00:00:00Z',
  read: false,
};
const READY = { ...NUMBERS, heartbeatMs: 20_000, retryMs: 3_000 };
const CLAIMS = Buffer.from(JSON.stringify({ tenant: '', recipient: 'ann' })).toString('base64url');
const GOOD: Record<Asked, unknown> = {
  list: { items: [ITEM], nextBefore: null, ...NUMBERS },
  token: { token: `e30.${CLAIMS}.SECRET` },
  stream: READY,
  mark: NUMBERS,
};

/** An HTTP server with one notification, which answers one kind of request as something between it and the page would. */
export class WrongServer {
  /** Every request: its method, what was asked for, its `Accept`, and whether it got the wrong answer. */
  readonly requests: { method: string; asked: Asked | undefined; accept: string | undefined; wrong: boolean }[] = [];
  private wrong: { asked: Asked; answer: Answer } | undefined;
  private readonly server = createServer((request, response) => this.answer(request, response));

  async start(): Promise<void> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}/notifications`;
  }

  /** From now on what is asked for there is answered like that. */
  breaks(asked: Asked, answer: Answer): void {
    this.wrong = { asked, answer };
  }

  mend(): void {
    this.wrong = undefined;
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname } = new URL(request.url ?? '', 'http://host');
    const asked = askedFor(request.method, pathname);
    const wrong = asked !== undefined && this.wrong?.asked === asked;
    this.requests.push({ method: request.method ?? '', asked, accept: request.headers.accept, wrong });
    request.resume();
    this.answerTo(asked)(response, asked && GOOD[asked]);
  }

  private answerTo(asked: Asked | undefined): Answer {
    if (!asked) return html(200);
    if (this.wrong?.asked === asked) return this.wrong.answer;
    return asked === 'stream' ? events() : json(200);
  }
}

function askedFor(method: string | undefined, path: string): Asked | undefined {
  if (path === '/notifications/stream') return 'stream';
  if (path === '/notifications/stream-token') return 'token';
  if (path === '/notifications' && method === 'GET') return 'list';
  return path.startsWith('/notifications/') ? 'mark' : undefined;
}

/** JSON: what would be right, or what is made of it. */
export function json(status: number, make: (good: unknown) => unknown = (good) => good): Answer {
  return (response, good) => {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(make(good)));
  };
}

export function html(status: number, text = 'Sign in'): Answer {
  return (response) => {
    response.writeHead(status, { 'content-type': 'text/html; charset=utf-8' });
    response.end(`<!doctype html><title>${text}</title>`);
  };
}

/** A page of the same site. */
export function redirect(status: number): Answer {
  return (response) => {
    response.writeHead(status, { location: '/login?next=/notifications' });
    response.end();
  };
}

export function empty(status: number): Answer {
  return (response) => {
    response.writeHead(status);
    response.end();
  };
}

/** A stream that begins with what is made of `ready`, and stays open. */
export function events(make: (good: unknown) => unknown = (good) => good): Answer {
  return (response, good) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write(`event: ready\ndata: ${JSON.stringify(make(good))}\nid: 1\n\n`);
  };
}

/** A stream that ends before its first event. */
export const endsAtOnce: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end();
};

/** The connection ends in the middle of the answer. */
export const cutOff: Answer = (response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.write('{"items":[', () => response.destroy());
};
