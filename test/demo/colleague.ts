import { EventSource } from 'eventsource';
import { eventually } from '../support/eventually.js';

/** Another instance looks once a second; the machine may be busy. */
const PATIENCE = { timeoutMs: 20_000 };

/** A user of the demo with a browser: logged in, and listening with a real EventSource. */
export class Colleague {
  /** The titles of the notifications that arrived. */
  readonly titles: string[] = [];
  readonly closeReasons: string[] = [];
  /** What came as `event: signal`. */
  readonly signals: { type: string; data: Record<string, unknown> }[] = [];
  private isReady = false;

  private constructor(
    private readonly demo: string,
    readonly token: string,
    private readonly source: EventSource,
  ) {
    source.addEventListener('ready', () => {
      this.isReady = true;
    });
    source.addEventListener('message', ({ data }) => this.titles.push(JSON.parse(data).title));
    source.addEventListener('signal', ({ data }) => this.signals.push(JSON.parse(data)));
    source.addEventListener('close', ({ data }) => {
      this.closeReasons.push(JSON.parse(data).reason);
      source.close();
    });
  }

  static async open(demo: string, user: string): Promise<Colleague> {
    const { token } = (await answerOf(demo, 'POST', '/login', { user })).body;
    const streamToken = (await answerOf(demo, 'POST', '/notifications/stream-token', {}, token)).body.token;
    const source = new EventSource(`${demo}/notifications/stream?token=${streamToken}`);
    const colleague = new Colleague(demo, token, source);
    try {
      await colleague.until(() => colleague.isReady);
    } catch (error) {
      // It would go on trying, and the test's process would never end.
      source.close();
      throw error;
    }
    return colleague;
  }

  async get(path: string): Promise<Answer> {
    return await answerOf(this.demo, 'GET', path, undefined, this.token);
  }

  async post(path: string, body: unknown): Promise<Answer> {
    return await answerOf(this.demo, 'POST', path, body, this.token);
  }

  async importCsv(csv: string, contentType = 'text/csv'): Promise<Answer> {
    return await answerOf(this.demo, 'POST', '/contacts/import', csv, this.token, contentType);
  }

  async until(condition: () => boolean): Promise<void> {
    await eventually(() => {
      if (!condition())
        throw new Error(
          `Not yet: ${condition}. Titles: ${JSON.stringify(this.titles)}, signals: ${JSON.stringify(this.signals.slice(-3))}`,
        );
    }, PATIENCE);
  }

  close(): void {
    this.source.close();
  }
}

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: the tests know what they expect
  body: any;
}

/** Calls the demo. A string is sent as it is, everything else as JSON. */
export async function answerOf(
  demo: string,
  method: string,
  path: string,
  body?: unknown,
  token?: string,
  contentType = 'application/json',
): Promise<Answer> {
  const response = await fetch(demo + path, {
    method,
    headers: { 'content-type': contentType, ...(token && { authorization: `Bearer ${token}` }) },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return { status: response.status, body: await response.json() };
}
