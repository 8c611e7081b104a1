import type { InboxNumbers, InboxPage } from '../notifications/notification.js';
import { InboxError } from './inbox-error.js';

/** A request that has no answer by then has failed: a connection may have died without a word. */
const TIMEOUT_MS = 15_000;
/** As many ids as one request may hold. */
const MAX_IDS = 1_000;

export interface InboxApiOptions {
  url: string;
  token?: () => string | null | undefined | Promise<string | null | undefined>;
  fetch?: typeof fetch;
}

/** The REST inbox, as docs/wire-format.md has it. Every method throws an {@link InboxError}, and nothing else. */
export class InboxApi {
  /** Whom the stream tokens are for. */
  #recipient: string | undefined;

  readonly #options: InboxApiOptions;
  /** What is under way and changes nothing. */
  readonly #questions = new Set<AbortController>();

  constructor(options: InboxApiOptions) {
    this.#options = options;
  }

  async page(limit: number, before?: number | null): Promise<InboxPage> {
    const page: InboxPage = await this.#request('GET', `?limit=${limit}${before == null ? '' : `&before=${before}`}`);
    if (!page?.items) throw new InboxError('unexpected-answer', 'The answer has no items: does the server wrap it?');
    return page;
  }

  async markRead(ids: readonly number[]): Promise<InboxNumbers> {
    let numbers: InboxNumbers | undefined;
    for (let from = 0; from < ids.length; from += MAX_IDS) {
      numbers = await this.#request('POST', '/read', { ids: ids.slice(from, from + MAX_IDS) });
    }
    return numbers as InboxNumbers;
  }

  async markReadUpTo(upTo: number): Promise<InboxNumbers> {
    return await this.#request('POST', '/read', { upTo });
  }

  async markUnread(id: number): Promise<InboxNumbers> {
    return await this.#request('PATCH', `/${id}`, { read: false });
  }

  async remove(id: number): Promise<InboxNumbers> {
    return await this.#request('DELETE', `/${id}`);
  }

  /** A token that opens a stream, of the same recipient each time: another tab may have signed in as somebody else. */
  async streamToken(): Promise<string> {
    const { token } = await this.#request<{ token: string }>('POST', '/stream-token');
    const recipient = recipientOf(token);
    this.#recipient ??= recipient;
    if (recipient !== this.#recipient) throw new InboxError('signed-out', 'Somebody else has signed in.');
    return token;
  }

  /** Gives up what is under way, but for changes. */
  close(): void {
    for (const question of this.#questions) question.abort();
  }

  async #request<T>(method: string, path: string, body?: object): Promise<T> {
    const abort = new AbortController();
    if (!body && method !== 'DELETE') this.#questions.add(abort);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        abort.abort();
        reject(new Error(`no answer within ${TIMEOUT_MS} ms`));
      }, TIMEOUT_MS);
    });
    try {
      // The application's `token` may hang, too.
      return await Promise.race([this.#send<T>(method, path, body, abort.signal), timeout]);
    } catch (error) {
      if (error instanceof InboxError) throw error;
      throw new InboxError('unreachable', `The server could not be asked: ${error}`, undefined, error);
    } finally {
      this.#questions.delete(abort);
      clearTimeout(timer);
    }
  }

  async #send<T>(method: string, path: string, body: object | undefined, signal: AbortSignal): Promise<T> {
    const { token, url } = this.#options;
    const headers: Record<string, string> = {};
    if (token) {
      const bearer = await token();
      if (!bearer) throw new InboxError('signed-out', 'There is no token.');
      headers.authorization = `Bearer ${bearer}`;
    }
    if (body) headers['content-type'] = 'application/json';
    const response = await (this.#options.fetch ?? fetch)(url + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      credentials: token ? 'same-origin' : 'include',
      // A click that marks a notification as read may lead to another page.
      keepalive: method !== 'GET',
      signal,
    });
    if (response.ok) return (await response.json()) as T;
    const { status } = response;
    if (status === 401) throw new InboxError('signed-out', 'Nobody is signed in.', status);
    const { message } = (await response.json().catch(() => ({}))) as { message?: unknown };
    throw new InboxError('refused', `The server answered ${status}: ${message ?? response.statusText}`, status);
  }
}

function recipientOf(streamToken: string): string {
  const [, claims = ''] = streamToken.split('.');
  const { tenant, recipient } = JSON.parse(atob(claims.replaceAll('-', '+').replaceAll('_', '/')));
  return JSON.stringify([tenant, recipient]);
}
