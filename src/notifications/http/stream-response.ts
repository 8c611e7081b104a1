import type { ServerResponse } from 'node:http';
import type { Writable } from 'node:stream';
import type { ResolvedOptions } from '../notifications.options.js';
import { callNode, forgetBody, ignoreError, isOfTheBody, putOver, type Report } from './host-response.js';
import { streamOf } from './http-message.js';

const EVENT_STREAM = 'text/event-stream';
const LOOK_MS = 10;
/** After this time the held calls are passed on; some middleware sends the head only then. */
const HEAD_WAITS_MS = 1_000;

/**
 * Keeps the frames of an event stream whole, whatever middleware has put over its response.
 *
 * Middleware is told the head, and may add fields to it, and is told the end. In between frames go to Node directly: what
 * buffers, compresses or repeats a body has no place in a stream. And the response ends when the stream does, also where
 * middleware calls the end that it was given later or never. Where it holds the head back, all that follows goes through it,
 * in its order.
 *
 * @param limits for how long middleware may hold everything back before the response is cut off, and above how many bytes
 *   the stream is told to wait meanwhile.
 */
export function keepStreamWhole(
  raw: ServerResponse,
  report: Report,
  { slowClientMs, maxPendingBytes }: Pick<ResolvedOptions, 'slowClientMs' | 'maxPendingBytes'>,
): void {
  const output = streamOf(raw);
  /** `direct` once the head is made; `held` where middleware holds it back. */
  let state: 'before' | 'direct' | 'held' = 'before';
  let head: unknown[] = [];
  /** What follows a head that is held back; undefined when it no longer waits. */
  let waiting: (() => unknown)[] | undefined;
  let heldBytes = 0;
  let isFull = false;
  let isEnded = false;

  const safely = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      // Where the head was held back, what follows would not fit.
      const isLost = state === 'held';
      report(error, isLost);
      if (isLost) output.destroy();
    }
  };
  const passOn = () => {
    const calls = waiting ?? [];
    waiting = undefined;
    for (const call of calls) safely(call);
    if (!isFull || !raw.headersSent) return;
    isFull = false;
    // Node emits it only for what Node has buffered.
    if (!output.writableNeedDrain) output.emit('drain');
  };
  const watch = (isDone: () => boolean) => {
    const began = performance.now();
    const timer = setInterval(() => {
      const elapsed = performance.now() - began;
      if (raw.headersSent || elapsed >= Math.min(HEAD_WAITS_MS, slowClientMs)) passOn();
      if (!waiting && isDone()) clearInterval(timer);
      else if (elapsed >= slowClientMs) {
        clearInterval(timer);
        report(new Error('nothing was sent within slowClientMs'), true);
        output.destroy();
      }
    }, LOOK_MS);
    timer.unref();
    raw.once('close', () => clearInterval(timer));
  };

  // Node throws where the head has been sent, also in a timer of middleware, which ends the process.
  for (const method of ['setHeader', 'appendHeader', 'removeHeader'] as const) {
    putOver(raw, method, (change) => (name, ...value) => {
      return state !== 'before' && (raw.headersSent || isOfTheBody(name)) ? raw : change(name, ...value);
    });
  }

  putOver(raw, 'writeHead', (writeHead) => (...given) => {
    if (state === 'held') {
      // Nest asks again, because it sees no head. Or Node does: what follows has come through to it, and the head has not.
      if (!raw.headersSent && !waiting && !hasStreamType(given)) callNode(raw, 'writeHead', ...head);
      return raw;
    }
    // The package `on-headers` sets the fields of a head on the response, and passes on the status alone.
    const isEventStream = hasStreamType(given) || raw.getHeader('content-type') === EVENT_STREAM;
    if (state === 'direct' && raw.headersSent) return raw;
    if (raw.headersSent || !isEventStream) return writeHead(...given);
    forgetBody(raw);
    state = 'direct';
    head = given;
    try {
      writeHead(...given);
    } catch (error) {
      if (!raw.headersSent) {
        state = 'before';
        throw error;
      }
      report(error, false);
    }
    // Middleware may still write when the stream has ended.
    raw.on('error', ignoreError);
    if (!raw.headersSent) {
      state = 'held';
      waiting = [];
      needDrainWhile(output, () => isFull);
      watch(() => raw.headersSent);
    }
    return raw;
  });

  putOver(raw, 'flushHeaders', (flushHeaders) => () => {
    if (state === 'direct') callNode(raw, 'flushHeaders');
    else if (state === 'before') flushHeaders();
  });

  putOver(raw, 'write', (write) => (...chunk) => {
    if (state === 'direct') return callNode(raw, 'write', ...chunk);
    if (state === 'before') return write(...chunk);
    if (!raw.headersSent) {
      heldBytes += bytesOf(chunk[0]);
      isFull ||= heldBytes > maxPendingBytes;
    }
    if (waiting) waiting.push(() => write(...chunk));
    else safely(() => write(...chunk));
    return !output.writableNeedDrain;
  });

  putOver(raw, 'end', (end) => (...chunk) => {
    if (state === 'before') return end(...chunk);
    if (isEnded) return raw;
    isEnded = true;
    if (state === 'direct') {
      callNode(raw, 'end', ...chunk);
      // All the same: by it a session is stored.
      safely(() => end(...chunk));
      return raw;
    }
    if (waiting) waiting.push(() => end(...chunk));
    else safely(() => end(...chunk));
    watch(() => raw.writableEnded);
    return raw;
  });
}

function hasStreamType(head: unknown[]): boolean {
  const headers = head.at(-1) as Record<string, unknown> | undefined;
  return headers?.['Content-Type'] === EVENT_STREAM;
}

/** Lets `writableNeedDrain` be true also while `isFull()` is: Node knows nothing of the calls that wait. */
function needDrainWhile(output: Writable, isFull: () => boolean): void {
  const byNode = () => Reflect.get(Object.getPrototypeOf(output), 'writableNeedDrain', output) === true;
  Object.defineProperty(output, 'writableNeedDrain', { get: () => isFull() || byNode(), configurable: true });
}

function bytesOf(chunk: unknown): number {
  return typeof chunk === 'string' ? Buffer.byteLength(chunk) : (chunk as Uint8Array).byteLength;
}
