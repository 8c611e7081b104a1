import type { EventSourceLike } from '../../../src/client/event-stream.js';
import type { Change } from '../../../src/client/notification-list.js';
import type { InboxNotification, InboxNumbers } from '../../../src/notifications/notification.js';

type Listener = (event: { data: string; lastEventId: string }) => void;

/**
 * One inbox that answers like the real server (docs/wire-format.md), in memory and by the timers of the test: what comes
 * back, and when, is up to the test. That it does is shown by `inbox-over-http.test.ts`, with the real one.
 */
export class FakeServer {
  readonly url = 'https://crm.example/notifications';
  numbers: InboxNumbers = { lastId: 0, unread: 0, revision: 0 };
  items: InboxNotification[] = [];
  /** Every request, such as `GET ?limit=20`. */
  readonly requests: string[] = [];
  /** Every stream that was opened and is not closed. */
  readonly streams = new Set<FakeEventSource>();
  opened = 0;
  /** How often the client looked why a stream could not be opened. */
  probes = 0;
  heartbeatMs = 20_000;
  retryMs = 3_000;
  /** Whether its streams are alive: without pings they are dead, and don't say so. */
  isAlive = true;
  maxReplay = 1_000;
  recipient = 'alice';
  /** Called before a request is answered: may throw, wait, or return another answer. */
  intercept: (request: string) => Promise<Response | undefined> | undefined = () => undefined;
  /** Called before a stream opens: false to refuse it, as with any status other than 200. */
  accepts = (): boolean => true;
  /** How long what is sent is under way, in each direction, in milliseconds; what follows never overtakes. */
  latency = (): number => 0;
  /** Whether `state` events tell the details of changes. */
  tellsDetails = (): boolean => true;

  /** What the client calls `fetch`. */
  readonly fetch = async (input: unknown, init: RequestInit = {}): Promise<Response> => {
    const path = String(input).slice(this.url.length);
    const request = `${init.method} ${path}`;
    this.requests.push(request);
    await this.travel();
    const other = await this.intercept(request);
    const answer = other ?? this.answer(request, init.body ? JSON.parse(String(init.body)) : {});
    await this.travel();
    return answer;
  };

  /** What the client takes for `EventSource`. */
  readonly EventSource = ((server: FakeServer) =>
    class extends FakeEventSource {
      constructor(url: string, init?: { withCredentials?: boolean }) {
        super(server, url, init);
      }
    })(this);

  /** A notification arrives. */
  notify(title = `notification ${this.numbers.lastId + 1}`, url: string | null = null): InboxNotification {
    const id = this.numbers.lastId + 1;
    const createdAt = new Date().toISOString();
    const item = { id, type: 't', title, body: null, url, data: {}, createdAt, read: false };
    this.items.unshift(item);
    this.numbers = { ...this.numbers, lastId: id, unread: this.numbers.unread + 1 };
    this.send('message', item, id);
    this.send('state', this.numbers);
    return item;
  }

  /** Something changes, on whatever device. */
  change(change: Change): InboxNumbers {
    const { read = [], readUpTo = 0, unreadIds = [], removed = [] } = change;
    const before = JSON.stringify(this.items);
    this.items = this.items
      .filter(({ id }) => !removed.includes(id))
      .map((item) => ({
        ...item,
        read: (item.read || item.id <= readUpTo || read.includes(item.id)) && !unreadIds.includes(item.id),
      }));
    if (JSON.stringify(this.items) === before) return this.numbers;
    const unread = this.items.filter((item) => !item.read).length;
    this.numbers = { ...this.numbers, unread, revision: this.numbers.revision + 1 };
    this.send('state', this.tellsDetails() ? { ...this.numbers, ...change } : this.numbers);
    return this.numbers;
  }

  signal(type: string, data: unknown = {}): void {
    this.send('signal', { type, data });
  }

  /** Every stream ends, without a word. */
  drop(): void {
    for (const stream of [...this.streams]) stream.fail();
  }

  send(event: string, data: object, id?: number): void {
    if (!this.isAlive) return;
    for (const stream of [...this.streams]) if (stream.isOpen) stream.deliver(event, data, id);
  }

  /** What a stream begins with. */
  begin(stream: FakeEventSource): void {
    const cursor = Number(stream.url.searchParams.get('lastEventId'));
    const { lastId } = this.numbers;
    const lost = !Number.isInteger(cursor) || cursor > lastId || lastId - cursor > this.maxReplay;
    const { heartbeatMs, retryMs } = this;
    stream.deliver('ready', { ...this.numbers, heartbeatMs, retryMs }, lost ? lastId : cursor);
    if (lost) stream.deliver('reset', this.numbers, lastId);
    const missed = lost ? [] : this.items.filter(({ id }) => id > cursor).reverse();
    for (const item of missed) stream.deliver('message', item, item.id);
    if (missed.length > 0) stream.deliver('state', this.numbers);
  }

  private async travel(): Promise<void> {
    const ms = this.latency();
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  }

  private answer(request: string, body: { ids?: number[]; upTo?: number; read?: boolean }): Response {
    const [method, path = ''] = request.split(' ');
    const id = Number(path.slice(1));
    if (path.startsWith('/stream?')) {
      this.probes += 1;
      if (!this.accepts()) return refusal(503, 'There are too many streams.');
      return new Response('retry: 3000\n\n', { headers: { 'content-type': 'text/event-stream' } });
    }
    if (path === '/stream-token') {
      const claims = btoa(JSON.stringify({ tenant: '', recipient: this.recipient, at: this.requests.length }));
      return Response.json({ token: `e30.${claims}.s` });
    }
    if (path === '/read') {
      return Response.json(this.change(body.ids ? { read: body.ids } : { readUpTo: body.upTo }));
    }
    if (method === 'DELETE') return Response.json(this.change({ removed: [id] }));
    if (method === 'PATCH') {
      if (!this.items.some((item) => item.id === id)) return refusal(404, 'There is no such notification.');
      return Response.json(this.change(body.read ? { read: [id] } : { unreadIds: [id] }));
    }
    const query = new URLSearchParams(path);
    const limit = Number(query.get('limit'));
    const before = Number(query.get('before') ?? Number.POSITIVE_INFINITY);
    const older = this.items.filter((item) => item.id < before);
    const items = older.slice(0, limit);
    const nextBefore = older.length > limit ? (items.at(-1)?.id ?? null) : null;
    return Response.json({ items, nextBefore, ...this.numbers });
  }
}

/** An answer with an error, in Nest's shape. */
export function refusal(statusCode: number, message: string): Response {
  return Response.json({ statusCode, error: 'Error', message }, { status: statusCode });
}

export class FakeEventSource implements EventSourceLike {
  readonly url: URL;
  isOpen = false;
  private lastEventId = '';
  private arrivesAt = 0;
  private heartbeat: ReturnType<typeof setInterval> | undefined;
  private readonly listeners = new Map<string, Listener[]>();

  constructor(
    private readonly server: FakeServer,
    url: string,
    readonly init: { withCredentials?: boolean } = {},
  ) {
    this.url = new URL(url);
    server.streams.add(this);
    server.opened += 1;
    queueMicrotask(() => {
      if (!server.streams.has(this)) return;
      if (!server.accepts()) return this.fail();
      this.isOpen = true;
      server.begin(this);
      this.heartbeat = setInterval(() => server.isAlive && this.deliver('ping', {}), server.heartbeatMs);
    });
  }

  addEventListener(type: string, listener: Listener): void {
    this.listeners.set(type, [...(this.listeners.get(type) ?? []), listener]);
  }

  close(): void {
    this.isOpen = false;
    clearInterval(this.heartbeat);
    this.server.streams.delete(this);
  }

  deliver(event: string, data: object, id?: number): void {
    if (id !== undefined) this.lastEventId = String(id);
    const { lastEventId } = this;
    const json = JSON.stringify(data);
    this.arrivesAt = Math.max(this.arrivesAt, Date.now() + this.server.latency());
    const ms = this.arrivesAt - Date.now();
    if (ms > 0) setTimeout(() => this.isOpen && this.dispatch(event, json, lastEventId), ms);
    else this.dispatch(event, json, lastEventId);
  }

  fail(): void {
    this.dispatch('error', '');
  }

  dispatch(event: string, data: string, lastEventId = ''): void {
    for (const listener of this.listeners.get(event) ?? []) listener({ data, lastEventId });
  }
}
