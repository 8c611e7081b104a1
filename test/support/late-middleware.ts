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

const twice = (method: Method) =>
  over(method, (original) => (...args) => {
    original(...args);
    return original(...args);
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
    return () => {
      if (isEnded) return false;
      isEnded = true;
      store(() => end());
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

/** What middleware may do to a response that lasts, and its frames come all the same. */
export const AROUND_STREAMS: [what: string, middleware: Middleware][] = [
  ['ends later', endAfter(later)],
  ['never ends', endAfter(() => {})],
  ['ends twice', twice('end')],
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
];

/** What middleware may do to a short answer, and the client is answered nevertheless. */
export const AROUND_ANSWERS: [what: string, middleware: Middleware, status: number][] = [
  ['ends later', endAfter(later), 200],
  ['ends twice', twice('end'), 200],
  ['throws at the end', insteadThrows('end'), 200],
  ['holds everything back for a while', holdEverything(later), 200],
  ['throws at each write', insteadThrows('write'), 500],
  ['throws at the head', insteadThrows('writeHead'), 500],
];

/** Sets a field once the head is sent, at which Node throws. */
export const SETS_TOO_LATE: Middleware = over('write', (write, response) => (...args) => {
  write(...args);
  response.setHeader('X-Late', 'yes');
  return true;
});

/** The same, and sends the head itself later than it is asked to. */
export const HOLDS_AND_SETS_TOO_LATE: Middleware = (request, response, next) => {
  const holdHead = over('writeHead', (writeHead) => (...head) => {
    later(() => writeHead(...head));
    return response;
  });
  holdHead(request, response, () => SETS_TOO_LATE(request, response, next));
};

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
/** Lets no answer end. */
export const WITHOUT_END: Middleware = endAfter(() => {});
