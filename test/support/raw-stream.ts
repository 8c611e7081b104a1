import { type ClientRequest, get } from 'node:http';

/** A stream as the bytes that came, for what a parser would hide. */
export class RawStream {
  text = '';
  status?: number;
  private readonly request: ClientRequest;
  private wake = () => {};

  constructor(url: string, headers: Record<string, string> = {}) {
    this.request = get(url, { headers, agent: false }, (response) => {
      this.status = response.statusCode;
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        this.text += chunk;
        this.wake();
      });
      response.on('close', () => this.wake());
    });
    this.request.on('error', () => this.wake());
  }

  /** The blocks between blank lines, without what precedes the first. */
  get blocks(): string[] {
    return this.text
      .split('\n\n')
      .slice(0, -1)
      .map((block) => block.replace(/^\n+/, ''))
      .filter((block) => block !== '');
  }

  async until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    const deadline = Date.now() + timeoutMs;
    while (!condition()) {
      if (Date.now() > deadline) throw new Error(`Not within ${timeoutMs} ms: ${condition}. Received: ${this.text}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 100);
        this.wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  close(): void {
    this.request.destroy();
  }
}
