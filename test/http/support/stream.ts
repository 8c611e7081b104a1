import type { HttpApp } from './http-app.js';

export interface OpenedStream {
  response: Response;
  /** Reads until `text` has come, and returns everything so far. */
  until(text: string): Promise<string>;
  close(): void;
}

/** Opens the stream as fetch does it; whoever opens one closes it. */
export async function openStream(
  app: HttpApp,
  path: string,
  headers: Record<string, string> = {},
): Promise<OpenedStream> {
  const abort = new AbortController();
  const response = await app.fetch(path, { headers, signal: abort.signal });
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let received = '';
  return {
    response,
    async until(text) {
      while (!received.includes(text)) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: '' };
        if (done) throw new Error(`The stream ended before ${JSON.stringify(text)}: ${JSON.stringify(received)}`);
        received += value;
      }
      return received;
    },
    close: () => abort.abort(),
  };
}
