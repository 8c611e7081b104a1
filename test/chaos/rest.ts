import { request } from 'node:http';
import { IDENTITY_HEADER } from './instance/protocol.js';

const TIMEOUT_MS = 12_000;

export interface Answer {
  status: number;
  // biome-ignore lint/suspicious/noExplicitAny: whoever asks knows what is answered
  body: any;
}

/**
 * One call, on a connection of its own: one that is kept alive and always busy keeps an instance from stopping.
 *
 * @throws {Error} if no answer came: what was asked for may have happened or not.
 */
export async function call(
  url: string,
  { method = 'GET', identity, body }: { method?: string; identity?: string; body?: unknown } = {},
): Promise<Answer> {
  const headers = {
    ...(identity !== undefined && { [IDENTITY_HEADER]: identity }),
    ...(body !== undefined && { 'content-type': 'application/json' }),
  };
  return await new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const outgoing = request(url, { method, headers, agent: false, signal }, async (response) => {
      try {
        const text = (await response.setEncoding('utf8').toArray()).join('');
        resolve({ status: response.statusCode ?? 0, body: text === '' ? undefined : JSON.parse(text) });
      } catch (error) {
        reject(error);
      }
    });
    outgoing.on('error', reject);
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
