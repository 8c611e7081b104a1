import type { InboxNumbers, InboxPage } from '../notifications/notification.js';
import { dataOf, recipientOf } from './frame-data.js';
import { InboxError, toInboxError } from './inbox-error.js';

/** A request that has no answer by then has failed: a connection may have died without a word. */
const TIMEOUT_MS = 15_000;
/** As many ids as one request may hold. */
const MAX_IDS = 1_000;
/** Attempts at what the server answers with 429, and the longest time between two of them that it may ask for. */
const ATTEMPTS = 4;
const MAX_WAIT_S = 60;

/** What is asked for: the JSON of `frame-data.ts`, or a stream. */
type Kind = 'page' | 'numbers' | 'token' | 'stream';

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

  async page(limit: number, before = Infinity): Promise<InboxPage> {
    const path = `?limit=${limit}${before < Infinity ? `&before=${before}` : ''}`;
    const page = await this.#request<InboxPage>('page', 'GET', path);
    // Serializers may leave out what is null.
    page.nextBefore ??= null;
    // Such as behind a proxy that drops the query: following it would never end.
    if (Number(page.nextBefore) >= before) {
      throw new InboxError(
        'unexpected-answer',
        `nextBefore is ${page.nextBefore}, not below ${before}: is the query lost?`,
        200,
      );
    }
    if (page.items[0] || !page.nextBefore) return page;
    // The server has looked as far as it does in one go. The numbers stay those of the first answer: what has arrived since
    // is not in this page.
    const { items, nextBefore } = await this.page(limit, page.nextBefore);
    return { ...page, items, nextBefore };
  }

  async markRead(ids: readonly number[]): Promise<InboxNumbers> {
    let numbers: InboxNumbers | undefined;
    for (let from = 0; from < ids.length; from += MAX_IDS) {
      numbers = await this.#request('numbers', 'POST', '/read', { ids: ids.slice(from, from + MAX_IDS) });
    }
    return numbers as InboxNumbers;
  }

  async markReadUpTo(upTo: number): Promise<InboxNumbers> {
    return await this.#request('numbers', 'POST', '/read', { upTo });
  }

  async markUnread(id: number): Promise<InboxNumbers> {
    return await this.#request('numbers', 'PATCH', `/${id}`, { read: false });
  }

  async remove(id: number): Promise<InboxNumbers> {
    return await this.#request('numbers', 'DELETE', `/${id}`);
  }

  /** A token that opens a stream, of the same recipient each time: another tab may have signed in as somebody else. */
  async streamToken(): Promise<string> {
    const { token } = await this.#request<{ token: string }>('token', 'POST', '/stream-token');
    const recipient = recipientOf(token);
    this.#recipient ??= recipient;
    if (recipient !== this.#recipient) throw new InboxError('signed-out', 'Somebody else has signed in.');
    return token;
  }

  /**
   * Finds out why a stream can't be opened: an `EventSource` doesn't say.
   *
   * @returns if it could be opened.
   */
  async probeStream(query: string): Promise<void> {
    await this.#request('stream', 'GET', query);
  }

  /** Gives up what is under way, but for changes that have been sent. */
  close(): void {
    for (const question of this.#questions) question.abort(new InboxError('closed', 'The inbox is closed.'));
  }

  async #request<T>(kind: Kind, method: string, path: string, body?: object, attempt = 1): Promise<T> {
    const abort = new AbortController();
    const { signal } = abort;
    let timer: ReturnType<typeof setTimeout> | undefined;
    if (!body && method !== 'DELETE') this.#questions.add(abort);
    try {
      const answer = await new Promise<T | number>((resolve, reject) => {
        signal.onabort = () => reject(signal.reason);
        timer = setTimeout(() => abort.abort('timeout'), TIMEOUT_MS);
        // The application's `token` may hang, too.
        this.#send<T>(kind, method, path, body, signal, attempt).then(resolve, reject);
      });
      if (typeof answer !== 'number') return answer;
      clearTimeout(timer);
      this.#questions.add(abort);
      await new Promise((resolve, reject) => {
        signal.onabort = () => reject(signal.reason);
        // At a random moment after what the server has asked for: others have been told the same.
        timer = setTimeout(resolve, answer * (1 + Math.random()));
      });
    } catch (error) {
      throw toInboxError(error);
    } finally {
      this.#questions.delete(abort);
      clearTimeout(timer);
    }
    return await this.#request(kind, method, path, body, attempt + 1);
  }

  /** @returns the answer, or for how many milliseconds the server wants to be left alone. */
  async #send<T>(
    kind: Kind,
    method: string,
    path: string,
    body: object | undefined,
    signal: AbortSignal,
    attempt: number,
  ): Promise<T | number> {
    const { token, url } = this.#options;
    const isStream = kind === 'stream';
    // Proxies and hosts that send browsers to a login page answer a program with 401.
    const headers: Record<string, string> = { accept: isStream ? 'text/event-stream' : 'application/json' };
    // A stream is opened by the token in its URL alone.
    if (token && !isStream) {
      const bearer = await token();
      if (!bearer) throw new InboxError('signed-out', 'Nobody is signed in.');
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
    const { status } = response;
    const type = response.headers.get('content-type') ?? '';
    if (response.ok) {
      // A body that has failed by now can't be cancelled, and needn't be.
      if (isStream) response.body?.cancel().catch(() => {});
      const answer = isStream ? type.startsWith(headers.accept as string) : dataOf(kind, await response.text());
      if (answer) return answer;
      const how = response.redirected ? 'redirected: ' : '';
      throw new InboxError(
        'unexpected-answer',
        `The server answered ${status}: ${how}${type}, a login page, or does it wrap its answers?`,
        status,
      );
    }
    if (status === 429 && !isStream && attempt < ATTEMPTS) {
      // https://www.rfc-editor.org/rfc/rfc9110#field.retry-after; of its two forms the one that servers send.
      return Math.min(Number(response.headers.get('retry-after')) || 2, MAX_WAIT_S) * 1_000;
    }
    if (status === 401 && !isStream) throw new InboxError('signed-out', 'Nobody is signed in.', status);
    const problem = await response.json().catch(() => null);
    const { message = response.statusText } = problem ?? {};
    throw new InboxError('refused', `The server answered ${status}: ${message}`, status);
  }
}
