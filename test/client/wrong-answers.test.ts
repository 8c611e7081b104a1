import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { EventSource } from 'eventsource';
import { createInbox, type Inbox, InboxError, type InboxState } from '../../src/client/index.js';
import { useCleanup } from '../support/cleanup.js';
import { eventually } from '../support/eventually.js';
import {
  type Answer,
  type Asked,
  cutOff,
  empty,
  endsAtOnce,
  events,
  html,
  json,
  redirect,
  WrongServer,
} from './support/wrong-server.js';

// What hosts, proxies and interceptors answer in place of these notifications, over real HTTP.
const onEnd = useCleanup();

beforeEach(() => {
  // The next attempt comes after a small part of its limit.
  const jitter = jest.spyOn(Math, 'random').mockReturnValue(0.005);
  onEnd(() => jitter.mockRestore());
});

interface Opened {
  server: WrongServer;
  inbox: Inbox;
  errors: InboxError[];
  states: InboxState[];
}

async function open(asked?: Asked, answer?: Answer): Promise<Opened> {
  const server = new WrongServer();
  await server.start();
  onEnd(() => server.close());
  if (asked && answer) server.breaks(asked, answer);
  const inbox = createInbox({ url: server.url, token: () => 't', eventSource: EventSource });
  onEnd(() => inbox.close());
  const errors: InboxError[] = [];
  const states: InboxState[] = [];
  inbox.on('error', (error) => errors.push(error));
  inbox.subscribe((state) => states.push(state));
  return { server, inbox, errors, states };
}

async function isWell(inbox: Inbox): Promise<void> {
  await eventually(() =>
    expect(inbox.getState()).toMatchObject({ status: 'live', error: null, unread: 1, items: [{ id: 1 }] }),
  );
}

const forbidden = json(403, () => ({ statusCode: 403, error: 'Forbidden', message: 'Forbidden resource' }));

/** What may come in place of any answer, and the error that it is. */
const ANSWERS: [string, Answer, { code: string; status?: number; message?: unknown }][] = [
  [
    'a login page',
    html(200),
    { code: 'unexpected-answer', status: 200, message: expect.stringContaining('text/html') },
  ],
  [
    'a redirect to one',
    redirect(302),
    { code: 'unexpected-answer', status: 200, message: expect.stringContaining('redirected') },
  ],
  [
    'a 403 of a guard',
    forbidden,
    { code: 'refused', status: 403, message: expect.stringContaining('Forbidden resource') },
  ],
  ['a 403 in HTML, of CSRF protection', html(403, 'invalid csrf token'), { code: 'refused', status: 403 }],
  ['a 419', json(419, () => 'CSRF token mismatch.'), { code: 'refused', status: 419 }],
  ['a 404', html(404, 'Cannot GET'), { code: 'refused', status: 404 }],
  ['a 500 whose body is null', json(500, () => null), { code: 'refused', status: 500 }],
  ['a 502 of a proxy', html(502, 'Bad Gateway'), { code: 'refused', status: 502 }],
  ['a 503 without a body', empty(503), { code: 'refused', status: 503 }],
  [
    'an envelope',
    json(200, (data) => ({ ok: true, data })),
    { code: 'unexpected-answer', status: 200, message: expect.stringContaining('wrap') },
  ],
  ['another program’s JSON', json(200, () => []), { code: 'unexpected-answer', status: 200 }],
  ['null', json(200, () => null), { code: 'unexpected-answer', status: 200 }],
  [
    'half of it',
    json(200, () => ({ items: [{ id: 1 }], lastId: '1', token: 'x' })),
    { code: 'unexpected-answer', status: 200 },
  ],
  ['an empty body', empty(200), { code: 'unexpected-answer', status: 200 }],
  ['a 204', empty(204), { code: 'unexpected-answer', status: 204 }],
];
const CUT: (typeof ANSWERS)[number] = ['half an answer', cutOff, { code: 'unreachable' }];
/** What only a stream can be answered with. */
const STREAMS: typeof ANSWERS = [
  ['a 401, though the token is good', json(401, () => ({ message: 'Unauthorized' })), { code: 'refused', status: 401 }],
  [
    'events in an envelope',
    events((data) => ({ data })),
    { code: 'unexpected-answer', message: expect.stringContaining('ready') },
  ],
  ['an end without an event', endsAtOnce, { code: 'unreachable', message: expect.stringContaining('no events') }],
];

describe.each<[Asked, typeof ANSWERS]>([
  ['list', [...ANSWERS, CUT]],
  ['token', [...ANSWERS, CUT]],
  ['stream', [...ANSWERS, ...STREAMS]],
])('in place of the %s', (asked, answers) => {
  test.each(answers)('%s is an error that a page can show, and goes when it passes', async (_, answer, error) => {
    const { server, inbox, errors, states } = await open(asked, answer);
    await eventually(() => expect(inbox.getState()).toMatchObject({ status: 'reconnecting', loading: false, error }));
    const shown = inbox.getState().error;
    expect(shown).toBeInstanceOf(InboxError);
    expect(shown?.message).not.toContain('SECRET');
    // The list is there whatever happens to the stream.
    if (asked !== 'list') expect(inbox.getState().items).toHaveLength(1);
    // It is tried again, and stays to be seen while it lasts.
    const tried = server.requests.length;
    await eventually(() => expect(server.requests.length).toBeGreaterThan(tried + 2));
    expect(inbox.getState()).toMatchObject({ status: 'reconnecting', error });
    expect(errors[0]).toMatchObject(error);
    for (const seen of errors) expect(seen).toBeInstanceOf(InboxError);

    server.mend();
    await isWell(inbox);
    // A list is told of with each attempt, a stream once.
    const attempts = server.requests.filter(({ wrong }) => wrong).length;
    expect(errors).toHaveLength(asked === 'list' ? attempts : 1);
    expect(states.map(({ status }) => status)).not.toContain('signed-out');
  });
});

describe('in place of the answer to a change', () => {
  test.each([...ANSWERS, CUT])('%s undoes it, and says so', async (_, answer, error) => {
    const { server, inbox, errors } = await open('mark', answer);
    await isWell(inbox);
    for (const change of [
      () => inbox.markRead(1),
      () => inbox.markRead('all'),
      () => inbox.markUnread(1),
      () => inbox.remove(1),
    ]) {
      const refusal = await change().catch((reason) => reason);
      expect(refusal).toBeInstanceOf(InboxError);
      expect(refusal).toMatchObject(error);
      expect(errors.pop()).toBe(refusal);
    }
    await isWell(inbox);
    server.mend();
    await inbox.markRead(1);
    await isWell(inbox);
  });
});

test('a change of what goes wrong is told, and not each attempt', async () => {
  const { server, inbox, errors } = await open('token', html(502));
  await eventually(() => expect(server.requests.filter(({ asked }) => asked === 'token').length).toBeGreaterThan(3));
  server.breaks('token', forbidden);
  await eventually(() => expect(inbox.getState().error).toMatchObject({ status: 403 }));
  expect(errors.map(({ status }) => status)).toEqual([502, 403]);
  server.mend();
  await isWell(inbox);
});

test('a listener may close the inbox when it hears of an error', async () => {
  const { server, inbox } = await open('token', forbidden);
  inbox.on('error', inbox.close);
  await eventually(() => expect(inbox.getState().status).toBe('closed'));
  expect(inbox.getState().error).toBeNull();
  const tried = server.requests.length;
  const probe = await fetch(server.url.replace('notifications', 'elsewhere'));
  await probe.text();
  expect(server.requests).toHaveLength(tried + 1);
});

test('asks for JSON, so that what sends browsers to a login page can answer 401', async () => {
  const { server, inbox } = await open('stream', html(200));
  await eventually(() => expect(inbox.getState().error).not.toBeNull());
  await inbox.markRead(1);
  const accepted = server.requests.map(({ asked, accept }) => `${asked === 'stream' ? 'stream' : 'rest'}: ${accept}`);
  expect([...new Set(accepted)]).toEqual(['rest: application/json', 'stream: text/event-stream']);
});

describe('a list whose nextBefore leads nowhere, as behind a proxy that drops the query', () => {
  const error = { code: 'unexpected-answer', status: 200, message: expect.stringContaining('nextBefore') };

  test('is an error, and not asked for without end', async () => {
    const nowhere = json(200, (good) => ({ ...(good as object), items: [], nextBefore: 31 }));
    const { server, inbox, errors } = await open('list', nowhere);
    await eventually(() => expect(inbox.getState()).toMatchObject({ loading: false, error }));
    await eventually(() => expect(errors.length).toBeGreaterThan(1));
    server.mend();
    await isWell(inbox);
    // The newest page, and the one after it.
    expect(server.requests.filter(({ wrong }) => wrong)).toHaveLength(2 * errors.length);
  });

  test('and a page after it is none of that list', async () => {
    const same = json(200, (good) => ({ ...(good as object), nextBefore: 1 }));
    const { server, inbox } = await open('list', same);
    await eventually(() => expect(inbox.getState()).toMatchObject({ status: 'live', hasMore: true, error: null }));
    await expect(inbox.loadMore()).rejects.toMatchObject(error);
    expect(inbox.getState()).toMatchObject({ items: [{ id: 1 }], hasMore: true, error });
    server.mend();
    await inbox.loadMore();
  });
});

test('a serializer that leaves out what is null changes nothing', async () => {
  const withoutNulls = (good: unknown) =>
    JSON.parse(JSON.stringify(good, (_key, value) => (value === null ? undefined : value)));
  const { inbox } = await open('list', json(200, withoutNulls));
  await isWell(inbox);
  expect(inbox.getState().hasMore).toBe(false);
});
