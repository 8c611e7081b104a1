import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { createParser } from 'eventsource-parser';
import { monotonicMs, RECIPIENT_HEADER } from './instance-protocol.js';

/** A client with one stream, which notes how long each notification took to come. */
export class Listener {
  received = 0;
  latencies: number[] = [];

  private constructor(
    private readonly response: IncomingMessage,
    onReady: () => void,
  ) {
    const parser = createParser({
      onEvent: ({ event, data }) => {
        if (event === 'ready') onReady();
        if (event !== undefined) return;
        this.received += 1;
        this.latencies.push(monotonicMs() - JSON.parse(data).data.sentAt);
      },
    });
    response.setEncoding('utf8').on('data', (chunk: string) => parser.feed(chunk));
    response.on('error', () => {});
  }

  static async open(url: string, recipient: string): Promise<Listener> {
    const request = get(`${url}/notifications/stream`, { headers: { [RECIPIENT_HEADER]: recipient }, agent: false });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    return await new Promise((resolve) => {
      const listener = new Listener(response, () => resolve(listener));
    });
  }

  close(): void {
    this.response.destroy();
  }
}
