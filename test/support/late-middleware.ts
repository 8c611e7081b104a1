import type { ServerResponse } from 'node:http';

// biome-ignore lint/suspicious/noExplicitAny: the middleware of Express and of Fastify take different types
export type Middleware = (request: any, response: any, next: () => void) => void;
type Method = 'writeHead' | 'write' | 'end';
type Call = (...args: unknown[]) => unknown;

const LATE_MS = 20;

/** Puts a function over a method of each response, as middleware does that wants to know or to change what is sent. */
function over(method: Method, make: (original: Call, response: ServerResponse) => Call): Middleware {
  return (_request, response, next) => {
    response[method] = make(response[method].bind(response), response);
    next();
  };
}

const later = (call: () => unknown) => void setTimeout(call, LATE_MS);

function refuse(): never {
  throw new Error('middleware of the host');
}

const twice = (method: 'writeHead' | 'write') =>
  over(method, (original) => (...args) => {
    original(...args);
    return original(...args);
  });
/** The second time without a body: with one Node itself complains, for every route of a host. */
const endsTwice = over('end', (end) => (...args) => {
  end(...args);
  return end();
});
const insteadThrows = (method: Method) => over(method, () => refuse);
const thenThrows = (method: Method) =>
  over(method, (original) => (...args) => {
    original(...args);
    refuse();
  });

/** As a session of express-session whose store is asked when the response ends. */
function endAfter(store: (done: () => void) => void): Middleware {
  return over('end', (end) => {
    let isEnded = false;
    return (...args) => {
      if (isEnded) return false;
      isEnded = true;
      store(() => end(...args));
      return true;
    };
  });
}

/** Keeps everything until something has been saved, and sends it then in its order. */
export const holdEverything =
  (store: (done: () => void) => void): Middleware =>
  (_request, response, next) => {
    let held: (() => unknown)[] | undefined = [];
    for (const method of ['writeHead', 'write', 'end'] as const) {
      const original = response[method].bind(response);
      response[method] = (...args: unknown[]) => {
        if (!held) return original(...args);
        if (held.push(() => original(...args)) === 1) {
          store(() => {
            const calls = held ?? [];
            held = undefined;
            for (const call of calls) call();
          });
        }
        return method === 'write' ? true : response;
      };
    }
    next();
  };

/** Says that it compresses, whatever `Cache-Control` says, and keeps what is written for itself. */
const encode: Middleware = (_request, response, next) => {
  const { writeHead } = response;
  response.writeHead = (...head: unknown[]) => {
    response.setHeader('Content-Encoding', 'gzip');
    return writeHead.apply(response, head);
  };
  response.write = () => true;
  next();
};

/** Sets a field of the head when the response ends, as a session does whose cookie is known only then. */
const setsAtEnd = (store: (done: () => void) => void) =>
  over('end', (end, response) => (...args) => {
    store(() => {
      response.setHeader('X-Saved', 'yes');
      end(...args);
    });
    return response;
  });

/** A method of its own that nobody may put another one over. */
const readOnly: Middleware = (_request, response, next) => {
  for (const name of ['writeHead', 'write', 'end'] as const) {
    Object.defineProperty(response, name, { value: response[name].bind(response) });
  }
  next();
};

/** What middleware may do to a response that lasts, and its frames come all the same. */
export const AROUND_STREAMS: [what: string, middleware: Middleware][] = [
  ['ends later', endAfter(later)],
  ['never ends', endAfter(() => {})],
  ['ends twice', endsTwice],
  ['throws at the end', insteadThrows('end')],
  ['ends first, and then throws', thenThrows('end')],
  [
    'writes later',
    over('write', (write) => (...args) => {
      later(() => write(...args));
      return true;
    }),
  ],
  ['never writes', over('write', () => () => true)],
  ['writes twice', twice('write')],
  ['throws at each write', insteadThrows('write')],
  ['sends the head twice', twice('writeHead')],
  ['sends the head, and then throws', thenThrows('writeHead')],
  ['holds everything back for a while', holdEverything(later)],
  ['says that it compresses', encode],
  ['sets a field at the end, later', setsAtEnd(later)],
  ['sets a field at the end', setsAtEnd((done) => done())],
  ['has read-only methods', readOnly],
];

/** Sets a field once the head is sent, at which Node throws. */
const SETS_TOO_LATE: Middleware = over('write', (write, response) => (...args) => {
  write(...args);
  response.setHeader('X-Late', 'yes');
  return true;
});

/** What middleware may do to a short answer, and the client is answered nevertheless. */
export const AROUND_ANSWERS: [what: string, middleware: Middleware, status: number][] = [
  ['ends later', endAfter(later), 200],
  ['ends twice', endsTwice, 200],
  ['throws at the end', insteadThrows('end'), 200],
  ['holds everything back for a while', holdEverything(later), 200],
  ['throws at each write', insteadThrows('write'), 200],
  ['throws at the head', insteadThrows('writeHead'), 500],
  ['sets a field at the end, later', setsAtEnd(later), 200],
  ['sets a field at the end', setsAtEnd((done) => done()), 200],
  ['sets a field after each write', SETS_TOO_LATE, 200],
  ['has read-only methods', readOnly, 200],
];

/** Sends the head by itself when the response ends, and sets a field then, at which Node throws. */
export const SETS_TOO_LATE_AT_END: Middleware = over('end', (end, response) => (...args) => {
  response.flushHeaders();
  response.setHeader('X-Late', 'yes');
  return end(...args);
});

/** What the package `on-headers` does at each response, as express-session and compression use it. */
export const onHeaders: Middleware = over('writeHead', (writeHead, response) => (status, ...rest) => {
  for (const [name, value] of Object.entries((rest.at(-1) ?? {}) as Record<string, string>)) {
    response.setHeader(name, value);
  }
  response.setHeader('X-On-Headers', 'was here');
  return writeHead(status);
});

/** Lets no head through. */
export const WITHOUT_HEAD: Middleware = over('writeHead', (_, response) => () => response);
/** Lets nothing through. */
export const WITHOUT_ANYTHING: Middleware = holdEverything(() => {});
/** Lets no answer end. @param onEnd is told that one was to. */
export const WITHOUT_END = (onEnd: () => void): Middleware => endAfter(onEnd);
