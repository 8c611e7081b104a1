import type { ServerResponse } from 'node:http';

// Middleware puts functions of its own over `writeHead`, `write` and `end` of a response, and calls what was there before: at
// once, later when a session is stored, or never. What is here looks at what has really happened to the response.

export type Method = 'writeHead' | 'write' | 'end' | 'flushHeaders' | 'setHeader' | 'appendHeader' | 'removeHeader';
export type Call = (...args: unknown[]) => unknown;
/**
 * Is told what middleware has thrown, where it can't be thrown any further.
 *
 * @param isLost the client doesn't get the response, or not all of it.
 */
export type Report = (error: unknown, isLost: boolean) => void;

/** Fields that say how a body is sent, and don't fit another body. */
const OF_THE_BODY = ['etag', 'content-length', 'content-encoding', 'transfer-encoding'];

/** Calls a method as Node has it, past everything that has been put over it. */
export function callNode(raw: ServerResponse, name: Method, ...args: unknown[]): unknown {
  let method: Call | undefined;
  for (let object: object | null = raw; object; object = Object.getPrototypeOf(object)) {
    if (Object.hasOwn(object, name)) method = (object as Record<Method, Call>)[name];
  }
  return method?.apply(raw, args);
}

/** Puts a function over a method. What middleware has made read-only stays as it is. */
export function putOver(raw: ServerResponse, name: Method, make: (original: Call) => Call): void {
  const before = raw[name] as Call | undefined;
  const own = Object.getOwnPropertyDescriptor(raw, name);
  if (own?.configurable === false && !own.writable) return;
  const value = make((...args) => before?.apply(raw, args));
  if (own?.configurable === false) Object.assign(raw, { [name]: value });
  else Object.defineProperty(raw, name, { value, configurable: true, writable: true });
}

export function forgetBody(raw: ServerResponse): void {
  // Node takes the removal of Transfer-Encoding, even of none, for the wish to send no chunks.
  for (const name of OF_THE_BODY) if (name !== 'transfer-encoding') raw.removeHeader(name);
}

export function isOfTheBody(header: unknown): boolean {
  return OF_THE_BODY.includes(String(header).toLowerCase());
}

/** An EventEmitter without a listener for `error` ends the process. */
export function ignoreError(): void {}
