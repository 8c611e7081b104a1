import { type EventEmitter, setMaxListeners } from 'node:events';
import { abortableSockets, type SocketFactory } from '../abortable-sockets.js';
import { NotificationsError } from '../notifications.error.js';
import { currentContext } from '../own-context.js';
import { type CancellableClient, cancelStatement } from './cancel-statement.js';
import { sqlState } from './postgres-error.js';

/** From this long after the limit was set, a call that takes longer than {@link MAX_CALL_MS} ends all calls. */
const BEGINS_AFTER_MS = 2_000;
const MAX_CALL_MS = 1_000;
const LOOK_MS = 100;
/** How long Postgres may take to cancel. */
const CANCEL_MS = 300;
const QUERY_CANCELED = '57014';

/**
 * Ends what hangs while the application shuts down: calls that wait for a lock, for a Postgres that has gone silent, for a
 * connection. Healthy calls go on, however long the rest of the shutdown takes.
 */
export class StatementLimit {
  /** When each call began, or the statement of a transaction that it is at. */
  private readonly calls = new Map<symbol, number>();
  /** Clients of the pool that somebody has. */
  private readonly clients = new Set<CancellableClient>();
  private readonly sockets = new AbortController();
  private isSet = false;
  private endsAt = Number.POSITIVE_INFINITY;
  private over = false;

  private readonly inOwnContext = currentContext();
  private stream?: SocketFactory;

  constructor() {
    // Every socket of the pool listens to the one signal: Node warns of more than ten listeners as of a leak.
    setMaxListeners(Infinity, this.sockets.signal);
  }

  /** Makes the sockets of the pool's connections, which outlast the request that wants the first. @param stream as the host makes its own */
  socketsOf(stream: unknown): SocketFactory {
    const make = abortableSockets(stream, this.sockets.signal);
    this.stream = (config) => {
      const socket = make(config) as ReturnType<SocketFactory> & { connect?: (...args: unknown[]) => unknown };
      const connect = socket.connect?.bind(socket);
      return connect
        ? Object.assign(socket, { connect: (...args: unknown[]) => this.inOwnContext(() => connect(...args)) })
        : socket;
    };
    return this.stream;
  }

  watch(pool: EventEmitter): void {
    pool.on('acquire', (client: CancellableClient) => this.clients.add(client));
    pool.on('release', (_: unknown, client: CancellableClient) => this.clients.delete(client));
  }

  /** @throws {NotificationsError} `CLOSED` once nothing more may be sent to Postgres. */
  check(): void {
    if (this.over) throw closed();
  }

  /** The application shuts down, and has waited long enough for what hangs. */
  get isEnding(): boolean {
    return this.over || performance.now() >= this.endsAt;
  }

  /** Nothing more may be sent to Postgres; what was sent is answered. */
  end(): void {
    this.over = true;
  }

  /**
   * Runs a call.
   *
   * @param work calls its argument where a statement of several has been answered: a long transaction does not hang.
   * @throws {NotificationsError} `CLOSED` if it was cancelled: this call has changed nothing.
   */
  async run<T>(work: (onAnswer: () => void) => Promise<T>): Promise<T> {
    this.check();
    const call = Symbol();
    this.calls.set(call, performance.now());
    try {
      return await work(() => this.calls.set(call, performance.now()));
    } catch (error) {
      if (this.over && sqlState(error) === QUERY_CANCELED) throw closed(error);
      throw error;
    } finally {
      this.calls.delete(call);
    }
  }

  /** From 2 s on no call may take longer than a second. The first one that does is the end of all. */
  set(): void {
    if (this.isSet) return;
    this.isSet = true;
    this.endsAt = performance.now() + BEGINS_AFTER_MS;
    setTimeout(() => this.look(), BEGINS_AFTER_MS).unref();
  }

  private look(): void {
    if (this.over) return;
    const latest = performance.now() - MAX_CALL_MS;
    for (const began of this.calls.values()) if (began <= latest) return void this.cut();
    setTimeout(() => this.look(), LOOK_MS).unref();
  }

  private cut(): void {
    this.over = true;
    const { stream } = this;
    if (stream) for (const client of this.clients) cancelStatement(client, stream);
    // What Postgres has not answered by then is not known to be stored: its connection ends, and the call with it.
    setTimeout(() => this.sockets.abort(new Error('the application has shut down')), CANCEL_MS).unref();
  }
}

export function closed(cause?: unknown): NotificationsError {
  const message = 'The application has shut down: the notifications are out of reach.';
  return new NotificationsError('CLOSED', message, { cause });
}
