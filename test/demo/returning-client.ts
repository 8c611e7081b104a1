import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../support/eventually.js';
import { StreamClient } from '../support/stream-client.js';
import { answerOf } from './colleague.js';

/** Coming back takes some seconds; the machine may be busy. */
const PATIENCE = { timeoutMs: 30_000 };

/** A client that follows docs/wire-format.md: told to come back, it does so after the time it was told, where it can. */
export class ReturningClient {
  readonly ids: number[] = [];
  readonly titles: string[] = [];
  /** What the server said at the end of a stream, and when to come back. */
  readonly closes: { reason: string; reconnect: boolean; retry: number | undefined }[] = [];
  /** The instances that it was connected to, in order. */
  readonly visited: string[] = [];
  private lastEventId = '0';
  private stream?: StreamClient;
  private leaving = false;
  /** How many ids came on earlier streams. */
  private idsBefore = 0;
  private readonly done: Promise<void>;

  private constructor(
    private readonly instances: readonly string[],
    readonly token: string,
  ) {
    this.done = this.run();
  }

  /** Resolves when it is connected to the first of the instances. */
  static async open(instances: readonly [string, ...string[]], user: string): Promise<ReturningClient> {
    const { token } = (await answerOf(instances[0], 'POST', '/login', { user })).body;
    const client = new ReturningClient(instances, token);
    while (client.stream === undefined) await sleep(10);
    const { stream } = client;
    await stream.until(() => stream.of('ready').length > 0);
    return client;
  }

  /** Resolves when a title has come. */
  async hears(title: string): Promise<void> {
    await this.until(() => this.titles.includes(title));
  }

  async until(condition: () => boolean): Promise<void> {
    await eventually(() => {
      this.take();
      if (!condition()) throw new Error(`Not yet: ${condition}. The last titles: ${this.titles.slice(-3)}`);
    }, PATIENCE);
  }

  async leave(): Promise<void> {
    this.leaving = true;
    this.stream?.close();
    await this.done;
  }

  private async run(): Promise<void> {
    for (let attempt = 0; !this.leaving; attempt++) {
      const instance = this.instances[attempt % this.instances.length] as string;
      const stream = await this.connect(instance).catch(() => undefined);
      if (!stream) {
        await sleep(100);
        continue;
      }
      this.visited.push(instance);
      this.stream = stream;
      await stream.until(() => stream.ended, 120_000);
      this.take();
      const [close] = stream.of('close');
      if (close) this.closes.push({ ...close.data, retry: stream.retry });
      if (!this.leaving) await sleep(stream.retry);
    }
  }

  private async connect(instance: string): Promise<StreamClient> {
    const { token } = (await answerOf(instance, 'POST', '/notifications/stream-token', {}, this.token)).body;
    const query = new URLSearchParams({ token, lastEventId: this.lastEventId });
    const stream = new StreamClient(`${instance}/notifications/stream?${query}`);
    await stream.until(() => stream.status !== undefined || stream.ended);
    if (stream.status === 200) return stream;
    throw new Error(`${instance} answered ${stream.status}`);
  }

  /** Notes what has come; `until()` and the end of a stream do so too. */
  take(): void {
    const { stream } = this;
    if (!stream) return;
    for (const { data } of stream.of('message').slice(this.ids.length - this.idsBefore)) {
      this.ids.push(data.id);
      this.titles.push(data.title);
    }
    this.lastEventId = stream.lastEventId ?? this.lastEventId;
    if (stream.ended) {
      this.idsBefore = this.ids.length;
      this.stream = undefined;
    }
  }
}
