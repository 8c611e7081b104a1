import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { BrokerSwitch } from '../../src/demo/lab/broker-switch.js';
import type { Lab } from '../../src/demo/lab/lab.controller.js';
import {
  type Broker,
  type BrokerContext,
  type BrokerFactory,
  type Hint,
  type HintHandler,
  postgresBroker,
} from '../../src/notifications/index.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { eventually } from '../support/eventually.js';
import { hearEachOther, NO_SWEEP } from '../support/instances.js';
import { StreamClient } from '../support/stream-client.js';
import { answerOf, type Colleague } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos({ instances: 2 });

const streams: StreamClient[] = [];

afterEach(() => {
  for (const stream of streams.splice(0)) stream.close();
});

/** A stream of its own, opened as a browser of this name would. */
async function streamOf(colleague: Colleague, browser?: string): Promise<StreamClient> {
  const { token } = (await colleague.post('/notifications/stream-token', {})).body;
  const headers: Record<string, string> = browser ? { cookie: `crm_demo_browser=${browser}` } : {};
  const stream = new StreamClient(`${demos.first.url}/notifications/stream?token=${token}`, { headers });
  streams.push(stream);
  await stream.until(() => stream.ended || stream.of('ready').length > 0);
  return stream;
}

async function cut(colleague: Colleague, isCut: boolean, browser?: string) {
  const headers: Record<string, string> = {
    authorization: `Bearer ${colleague.token}`,
    'content-type': 'application/json',
    ...(browser && { cookie: `crm_demo_browser=${browser}` }),
  };
  const body = JSON.stringify({ cut: isCut });
  const response = await fetch(`${demos.first.url}/lab/stream`, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.json()) as Lab };
}

describe('the switch of the stream', () => {
  test('ends the streams of a login without a word, lets none through until it is mended, and cuts nothing else', async () => {
    const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
    const [first, second, others] = await Promise.all([streamOf(alice), streamOf(alice), streamOf(bob)]);
    expect(await cut(alice, true)).toEqual({
      status: 200,
      body: { stream: { cut: true }, broker: { stopped: false } },
    });
    await Promise.all([first, second].map((stream) => stream.until(() => stream.ended)));
    expect([first, second].flatMap((stream) => stream.of('close'))).toEqual([]);
    const refused = await streamOf(alice);
    expect([refused.ended, refused.status]).toEqual([true, undefined]);
    expect((await alice.get('/lab')).body.stream).toEqual({ cut: true });
    expect((await bob.get('/lab')).body.stream).toEqual({ cut: false });
    await alice.post('/deals/3/assign', { owner: 'bob' });
    await others.until(() => others.of('message').length > 0);

    expect((await cut(alice, false)).body.stream).toEqual({ cut: false });
    const mended = await streamOf(alice);
    expect(mended.status).toBe(200);
  });

  test('is that of one browser: another one of the same user goes on', async () => {
    const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
    const [here, there] = await Promise.all([streamOf(alice, 'here'), streamOf(alice, 'there')]);
    await cut(alice, true, 'here');
    await here.until(() => here.ended);
    await bob.post('/deals/2/assign', { owner: 'alice' });
    await there.until(() => there.of('message').length > 0);
    await cut(alice, false, 'here');
  });

  test('loses nothing: what came meanwhile is replayed', async () => {
    const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
    await cut(alice, true);
    await bob.post('/deals/1/assign', { owner: 'alice' });
    expect(alice.titles).toEqual([]);
    await cut(alice, false);
    await alice.until(() => alice.titles.includes('Fleet renewal 2027 is yours now'));
  });

  test('a browser gets a name with the page, and keeps it', async () => {
    for (const path of ['/', '/side-by-side']) {
      const [named] = (await fetch(demos.first.url + path)).headers.getSetCookie();
      expect(named).toMatch(/^crm_demo_browser=[\w-]{36};.*HttpOnly; SameSite=Lax$/);
      const cookie = named?.split(';')[0] ?? '';
      expect((await fetch(demos.first.url + path, { headers: { cookie } })).headers.getSetCookie()).toEqual([]);
    }
    expect((await fetch(`${demos.first.url}/main.js`)).headers.getSetCookie()).toEqual([]);
  });
});

describe('the switch of the broker', () => {
  test('stops what other instances tell this one, and makes up for it when it is started', async () => {
    const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob', demos.second)]);
    // As soon as this works, the brokers are connected.
    await eventually(async () => {
      await bob.post('/deals/1/viewing', { view: 'w', isOpen: true });
      expect(alice.signals).not.toEqual([]);
    });
    expect((await alice.post('/lab/broker', { stopped: true })).body.broker).toEqual({ stopped: true });
    await alice.until(() => alice.signals.at(-1)?.type === 'lab.changed');
    expect((await alice.get('/lab')).body.broker).toEqual({ stopped: true });
    expect((await bob.get('/lab')).body.broker).toEqual({ stopped: false });

    await bob.post('/deals/1/assign', { owner: 'alice' });
    expect((await alice.post('/lab/broker', { stopped: false })).body.broker).toEqual({ stopped: false });
    await alice.until(() => alice.titles.length > 0);
  });

  test('notifications that come while it is stopped are made up for; signals are for now, and gone', async () => {
    const database = await createMigratedDatabase();
    const inner = new BrokerSwitch();
    // What the real broker brings to the switch: a signal that its sender has heard is still on its way.
    const brought: Hint[] = [];
    const watched: BrokerFactory = async (context) => {
      const broker = await postgresBroker()(context);
      const subscribe = (handler: HintHandler) =>
        broker.subscribe({
          onHints: (hints) => {
            brought.push(...hints);
            handler.onHints(hints);
          },
          onGap: () => handler.onGap(),
        });
      return { subscribe, publish: (hints) => broker.publish(hints), close: () => broker.close() };
    };
    const instances = await Promise.all(
      [inner.of(watched), postgresBroker()].map((broker) =>
        startCrmApp(database, { notifications: { ...NO_SWEEP, broker } }),
      ),
    );
    const [here, there] = instances as [CrmApp, CrmApp];
    try {
      await hearEachOther(instances);
      const alice = await StreamClient.open(here.url, await accessToken('alice'));
      streams.push(alice);

      inner.stop();
      there.notifications.signal('alice', 'late');
      await there.notifications.notify('alice', { type: 't', title: 'late' });
      await eventually(() => {
        const late = brought.filter(({ recipient }) => recipient === 'alice');
        expect(new Set(late.map(({ signal }) => signal !== undefined))).toEqual(new Set([true, false]));
      });
      expect(alice.frames.map(({ event }) => event)).toEqual(['ready']);

      inner.start();
      await alice.until(() => alice.ids.length === 1);
      there.notifications.signal('alice', 'in time');
      await alice.until(() => alice.of('signal').length > 0);
      expect(alice.of('signal').map(({ data }) => data.type)).toEqual(['in time']);
    } finally {
      await Promise.all(instances.map((crm) => crm.close()));
      await database.drop();
    }
  });

  test('drops both ways while it is stopped, and announces a gap once it is started', async () => {
    const { broker, sent, arrive, inner, heard } = await switched();
    broker.publish([HINT]);
    arrive();
    expect([sent(), heard]).toEqual([1, ['hints']]);

    inner.stop();
    broker.publish([HINT]);
    arrive();
    expect([sent(), heard]).toEqual([1, ['hints']]);

    inner.start();
    inner.start();
    expect(heard).toEqual(['hints', 'gap']);
    broker.publish([HINT]);
    arrive();
    expect([sent(), heard]).toEqual([2, ['hints', 'gap', 'hints']]);

    await broker.close();
    inner.stop();
    inner.start();
    expect(heard).toHaveLength(3);
  });
});

test.each([
  ['/lab/stream', {}, 400],
  ['/lab/stream', { cut: 'yes' }, 400],
  ['/lab/broker', undefined, 400],
  ['/lab/broker', { stopped: 1 }, 400],
])('POST %s %j gets %d, and 401 without a login', async (path, body, status) => {
  const alice = await demos.logIn('alice');
  expect(await alice.post(path, body)).toMatchObject({
    status,
    body: { message: expect.stringContaining('true or false') },
  });
  expect((await answerOf(demos.first.url, 'POST', path, body)).status).toBe(401);
});

const HINT: Hint = { tenant: '', recipient: 'alice' };

/** A broker under a switch, with what passed on either side. */
async function switched() {
  const heard: string[] = [];
  const published: Hint[] = [];
  let handler: HintHandler | undefined;
  const real: Broker = {
    subscribe: async (given) => {
      handler = given;
    },
    publish: (hints) => {
      published.push(...hints);
    },
    close: async () => {},
  };
  const inner = new BrokerSwitch();
  const broker = await inner.of(() => real)({} as BrokerContext);
  await broker.subscribe({ onHints: () => heard.push('hints'), onGap: () => heard.push('gap') });
  return { broker, inner, heard, sent: () => published.length, arrive: () => handler?.onHints([HINT]) };
}
