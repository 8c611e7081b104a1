import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { monotonicMs, RECIPIENT_HEADER } from './instance-protocol.js';

/** A client with one stream, which notes how long each notification took to come, and fails if one is missing or comes twice. */
export class InboxListener {
  latencies: number[] = [];
  failure?: Error;
  private rest = '';
  private lastId?: number;
  private onReady = () => {};

  private constructor(private readonly response: IncomingMessage) {
    response.setEncoding('utf8').on('data', (chunk: string) => this.read(chunk));
    response.on('error', () => {});
  }

  static async open(port: number, recipient: string): Promise<InboxListener> {
    const headers = { [RECIPIENT_HEADER]: recipient };
    const request = get({ port, host: '127.0.0.1', path: '/notifications/stream', headers, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return await new Promise((resolve) => {
      const listener = new InboxListener(response);
      listener.onReady = () => resolve(listener);
    });
  }

  close(): void {
    this.response.destroy();
  }

  private read(chunk: string): void {
    const cameAt = monotonicMs();
    const frames = (this.rest + chunk).split('\n\n');
    this.rest = frames.pop() as string;
    for (const frame of frames) {
      const data = /^data: ?(.*)$/m.exec(frame)?.[1];
      if (data === undefined) continue;
      const event = /^event: ?(.*)$/m.exec(frame)?.[1];
      const content = JSON.parse(data);
      if (event === 'ready') {
        this.lastId = content.lastId;
        this.onReady();
      } else if (event === undefined) {
        this.latencies.push(cameAt - content.data.sentAt);
        if (content.id !== (this.lastId ?? 0) + 1) this.failure = new Error(`After ${this.lastId} came ${content.id}`);
        this.lastId = content.id;
      } else if (event !== 'state' && event !== 'ping') {
        this.failure = new Error(`There came ${frame}`);
      }
    }
  }
}
