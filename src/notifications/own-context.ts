import { AsyncLocalStorage } from 'node:async_hooks';

/** Runs work in a context of its own, and not in its caller's. */
export type InContext = <T>(work: () => T) => T;

/**
 * The asynchronous context of this moment, for work to come: what `AsyncLocalStorage` holds in it.
 *
 * Work that is shared, or that lasts, runs in the context of the application's start. In that of the request which happens to
 * begin it, it would act in the name of one user for others, and keep what that request has stored from being collected.
 */
export function currentContext(): InContext {
  return AsyncLocalStorage.snapshot();
}
