import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { BROKER_KITS, type BrokerServer } from '../contract/broker-kits.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { skipFor } from '../support/skip-for.js';
import { answerOf, Colleague } from './colleague.js';
import { DemoProcess } from './demo-process.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const BROKERS: [name: string, kit: (typeof BROKER_KITS)[number] | undefined, urlVariable: string][] = [
  ['the default', undefined, ''],
  ['redis', BROKER_KITS.find((kit) => kit.service === 'redis'), 'REDIS_URL'],
  ['nats', BROKER_KITS.find((kit) => kit.service === 'nats'), 'NATS_URL'],
];

for (const [name, kit, urlVariable] of BROKERS) {
  describe(`two instances of the demo, and ${name} as BROKER`, () => {
    if (kit?.service && !kit.found.binary && !kit.found.url) {
      skipFor(kit.service, `two instances of the demo, and ${name} as BROKER`, kit.found);
      return;
    }
    let server: BrokerServer | undefined;
    let database: TestDatabase;
    let demos: DemoProcess[];
    let alice: Colleague;
    let bob: Colleague;

    beforeAll(async () => {
      [database, server] = await Promise.all([createTestDatabase(), kit?.startServer?.()]);
      const env: Record<string, string> = { DATABASE_URL: database.url };
      if (server) Object.assign(env, { BROKER: name, [urlVariable]: server.urlAt(server.port) });
      demos = await Promise.all([DemoProcess.start(env), DemoProcess.start(env)]);
      const [first, second] = demos as [DemoProcess, DemoProcess];
      [alice, bob] = await Promise.all([Colleague.open(first.url, 'alice'), Colleague.open(second.url, 'bob')]);
    });

    afterAll(async () => {
      for (const colleague of [alice, bob]) colleague.close();
      expect(await Promise.all(demos.map((demo) => demo.end()))).toEqual(demos.map(() => ({ code: 0, signal: null })));
      await server?.dispose();
      await database.drop();
    });

    const viewingOf = (colleague: Colleague) =>
      colleague.signals.filter(({ type }) => type === 'deal.viewing').map(({ data }) => data);

    test('who opens a deal is seen by the others, again and again for those who come late, and leaves', async () => {
      const [{ id }] = (await alice.get('/deals')).body.items;
      const inboxBefore = (await bob.get('/notifications')).body;
      const shows = (isOpen: boolean) => alice.post(`/deals/${id}/viewing`, { view: 'window-1', isOpen });
      const seen = { dealId: id, user: 'alice', view: 'window-1', isOpen: true };
      // As a window does it; the first may come before the brokers are connected.
      await eventually(async () => {
        expect(await shows(true)).toEqual({ status: 200, body: {} });
        expect(viewingOf(bob).at(-1)).toEqual(seen);
      });
      const late = await Colleague.open(demos[1]?.url ?? '', 'carol');
      expect(late.signals).toEqual([]);
      await shows(true);
      await late.until(() => late.signals.length > 0);
      expect(viewingOf(late)).toEqual([seen]);

      await shows(false);
      for (const one of [alice, bob, late]) {
        await one.until(() => viewingOf(one).at(-1)?.isOpen === false);
        expect(viewingOf(one).at(-1)).toEqual({ ...seen, isOpen: false });
      }
      late.close();
      expect((await bob.get('/notifications')).body).toEqual(inboxBefore);
    });

    test('the progress of an import on one is watched on the other', async () => {
      const { token } = (await answerOf(demos[0]?.url ?? '', 'POST', '/login', { user: 'bob' })).body;
      const csv = `name,company,email\n${'Ana,Acme,ana@example.com\n'.repeat(500)}`;
      const started = await answerOf(demos[0]?.url ?? '', 'POST', '/contacts/import', csv, token, 'text/csv');
      expect(started.status).toBe(202);
      await bob.until(() => bob.titles.includes('500 contacts have been imported'));
      const steps = bob.signals.filter(({ type }) => type === 'import.progress').map(({ data }) => data);
      expect(steps.length).toBeGreaterThan(2);
      expect(steps[0]).toEqual({ ...started.body, done: expect.any(Number) });
      expect(alice.signals.filter(({ type }) => type === 'import.progress')).toEqual([]);
    });

    if (kit) return;

    test.each([
      ['no body', undefined],
      ['no window', { isOpen: true }],
      ['a window with a strange name', { view: '<b>', isOpen: true }],
      ['a window with a name that is too long', { view: 'x'.repeat(65), isOpen: true }],
      ['nothing about being open', { view: 'w' }],
      ['a number for being open', { view: 'w', isOpen: 1 }],
    ])('viewing with %s gets 400', async (_, body) => {
      const answer = await alice.post('/deals/1/viewing', body);
      expect(answer).toMatchObject({ status: 400, body: { message: expect.stringContaining('"view"') } });
    });

    test('viewing a deal that does not exist gets 404, and without a login 401', async () => {
      const body = { view: 'w', isOpen: true };
      expect((await alice.post('/deals/99999/viewing', body)).status).toBe(404);
      expect((await alice.post('/deals/1x/viewing', body)).status).toBe(400);
      expect((await answerOf(demos[0]?.url ?? '', 'POST', '/deals/1/viewing', body)).status).toBe(401);
    });
  });
}
