import { setTimeout as sleep } from 'node:timers/promises';
import { RawConnection } from '../../test/support/raw-connection.js';
import { startTcpProxy } from '../../test/support/tcp-proxy.js';
import { withDatabase } from '../support/bench-database.js';
import { ServerProcess, type Subject } from '../support/server-process.js';
import { recipientOf } from '../support/stream-paths.js';
import { until } from '../support/turn.js';
import { StatementRecorder } from './statement-recorder.js';

/** What one thing that happened made the server send. */
export interface Step {
  name: string;
  /** To Postgres: each statement executed, a transaction as one. */
  statements: readonly string[];
  /** To the client: the bytes, but for what is never the same twice. */
  bytes: string;
  /** Nothing happened: what was executed is the work of timers. */
  isIdle: boolean;
}

/** Longer than what is gathered, and shorter than the period of any timer that asks Postgres. */
const QUIET_MS = 300;
/** Longer than the longest of those periods. */
const IDLE_MS = 3_500;
const CONNECTED = 0;
const AWAY = 1;

/** Lets a server of ours do one thing after the other, alone, and writes down what it sends. */
export async function recordTraffic(subject: Subject, library: string, postgresUrl: string): Promise<Step[]> {
  return await withDatabase(postgresUrl, async (url) => {
    const recorder = new StatementRecorder();
    let lastAt = 0;
    const proxy = await startTcpProxy(Number(new URL(url).port), (connection, chunk) => {
      lastAt = performance.now();
      recorder.read(connection, chunk);
    });
    const args = [...(subject.args ?? []), '--broker', 'postgres', '--calm'];
    const proxied = Object.assign(new URL(url), { port: String(proxy.port) }).href;
    try {
      const server = await ServerProcess.start({ ...subject, args }, { postgresUrl: proxied, library });
      const quiet = () => until(async () => performance.now() - lastAt > QUIET_MS);
      try {
        return await new Course(server, recorder, quiet).run();
      } finally {
        await server.end();
      }
    } finally {
      await proxy.close();
    }
  });
}

/** The things that happen, in their order. */
class Course {
  private readonly steps: Step[] = [];
  private stream!: RawConnection;
  private readonly origin: string;
  /** Of this step, beside the stream's. */
  private answers = '';

  constructor(
    private readonly server: ServerProcess,
    private readonly recorder: StatementRecorder,
    private readonly quiet: () => Promise<void>,
  ) {
    this.origin = `http://127.0.0.1:${server.listening.port}`;
  }

  async run(): Promise<Step[]> {
    const send = (to: number) =>
      this.server.send({ do: 'targeted', messages: 1, perSecond: 1, recipients: 1, first: to });
    await this.step('start', async () => {});
    await this.step('connect', () => this.connect());
    await this.step('nothing happens', () => sleep(IDLE_MS), true);
    await this.step('send to one who is connected', async () => {
      await send(CONNECTED);
      await this.stream.until(`#${CONNECTED},1,`);
    });
    await this.step('send to one who is away', () => send(AWAY));
    await this.step('broadcast', async () => {
      await this.server.send({ do: 'broadcast', messages: 1, perSecond: 1 });
      await this.stream.until('#-1,1,');
    });
    await this.step('list', () => this.ask('GET', ''));
    await this.step('count the unread', () => this.ask('GET', '/unread-count'));
    await this.step('mark one', () => this.ask('PATCH', '/1', { read: true }));
    await this.step('mark all', () => this.ask('POST', '/read', { upTo: 2 }));
    await this.step('get a stream token', () => this.ask('POST', '/stream-token'));
    await this.step('leave', async () => this.leave());
    await this.step('nothing happens, nobody connected', () => sleep(IDLE_MS), true);
    await this.step('return with a cursor', () => this.connect('Last-Event-ID: 0'));
    return this.steps;
  }

  private async step(name: string, act: () => Promise<void>, isIdle = false): Promise<void> {
    await act();
    await this.quiet();
    const bytes = normalised(this.answers + (this.stream?.received ?? ''));
    this.answers = '';
    if (this.stream) this.stream.received = '';
    // Each database has a channel of its own.
    const statements = this.recorder.take().map((one) => one.replace(/^LISTEN .*/, 'LISTEN <channel>'));
    this.steps.push({ name, statements, bytes, isIdle });
  }

  private async connect(...headers: string[]): Promise<void> {
    const [path] = await this.server.paths(CONNECTED + 1);
    this.stream = await RawConnection.open(this.origin);
    this.stream.send(`GET ${path} HTTP/1.1`, 'Host: localhost', 'Accept: text/event-stream', ...headers, '');
    await this.stream.until('event: ready');
  }

  private async leave(): Promise<void> {
    this.stream.close();
    await until(async () => (await this.server.connections()) === 0);
  }

  private async ask(method: string, path: string, body?: object): Promise<void> {
    const connection = await RawConnection.open(this.origin);
    const content = body ? JSON.stringify(body) : '';
    connection.send(
      `${method} /notifications${path} HTTP/1.1`,
      'Host: localhost',
      'Connection: close',
      `X-Recipient: ${recipientOf(CONNECTED)}`,
      'Content-Type: application/json',
      `Content-Length: ${content.length}`,
      '',
    );
    connection.socket.write(content);
    await until(async () => connection.closed || connection.ended);
    connection.close();
    this.answers += connection.received;
  }
}

/** Without ids, times and tokens, and without the lengths and hashes of answers that hold a token. */
export function normalised(bytes: string): string {
  const text = bytes
    .replace(/\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b/g, '<uuid>')
    .replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/g, '<time>')
    .replace(/^Date: .*$/gim, 'Date: <time>')
    .replace(/#(-?\d+),(\d+),\d+#/g, '#$1,$2,<time>#')
    .replace(/^(ETag: W\/"[^-"]+-)[^"]*/gim, '$1<hash>');
  const withoutTokens = text.replace(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/g, '<token>');
  if (withoutTokens === text) return text;
  return withoutTokens.replace(/^(Content-Length: |ETag: W\/")[0-9a-f]+/gim, '$1<length>');
}
