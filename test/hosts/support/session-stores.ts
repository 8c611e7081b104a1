import type { EventEmitter } from 'node:events';

const ANSWERS_AFTER_MS = 20;

type Done = (error?: unknown, session?: unknown) => void;
/** `Store` of express-session; the one of `@fastify/session` has the same methods. */
type Store = new () => EventEmitter;

/** What happens when a session is to be stored, or its time renewed. */
export const STORES: [what: string, save: (done: Done) => void, isBad?: boolean][] = [
  ['answers at once', (done) => done()],
  ['answers later', (done) => setTimeout(done, ANSWERS_AFTER_MS)],
  ['never answers', () => {}],
  ['answers with an error', (done) => setTimeout(done, ANSWERS_AFTER_MS, new Error('the store of the host')), true],
  [
    'throws',
    () => {
      throw new Error('the store of the host');
    },
    true,
  ],
];

/** A store of sessions that are there, whoever asks. */
export function createStore(Store: Store, session: object, save: (done: Done) => void): EventEmitter {
  return new (class extends Store {
    get(_id: string, done: Done): void {
      const expires = new Date(Date.now() + 3_600_000).toISOString();
      setImmediate(done, null, { cookie: { originalMaxAge: 3_600_000, expires }, ...session });
    }

    set(_id: string, _session: unknown, done: Done): void {
      save(done);
    }

    touch(_id: string, _session: unknown, done: Done): void {
      save(done);
    }

    destroy(_id: string, done: Done): void {
      save(done);
    }
  })();
}
