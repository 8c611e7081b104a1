import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { answerOf, Colleague } from './colleague.js';
import { DemoProcess } from './demo-process.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

let database: TestDatabase;
let demo: DemoProcess;
const open: Colleague[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  demo = await DemoProcess.start({ DATABASE_URL: database.url });
});

afterEach(() => {
  for (const colleague of open.splice(0)) colleague.close();
});

afterAll(async () => {
  await demo.end();
  await database.drop();
});

async function logIn(user: string): Promise<Colleague> {
  const colleague = await Colleague.open(demo.url, user);
  open.push(colleague);
  return colleague;
}

describe('a colleague', () => {
  test('sees believable deals, and hands one over: its new owner is told, live', async () => {
    const [alice, bob] = await Promise.all([logIn('alice'), logIn('bob')]);
    const { items } = (await alice.get('/deals')).body;
    expect(items.length).toBeGreaterThan(4);
    expect(items[0]).toEqual(
      expect.objectContaining({ id: expect.any(Number), name: expect.any(String), owner: 'alice' }),
    );
    const { id, name } = items[0];

    const assigned = await alice.post(`/deals/${id}/assign`, { owner: 'bob' });
    expect(assigned).toEqual({ status: 200, body: { ...items[0], owner: 'bob' } });
    await bob.until(() => bob.titles.includes(`${name} is yours now`));
    expect((await bob.get('/deals')).body.items[0].owner).toBe('bob');
    const [notification] = (await bob.get('/notifications?limit=1')).body.items;
    expect(notification).toMatchObject({
      type: 'deal.assigned',
      url: `/#deal-${id}`,
      data: { dealId: id, assignedBy: 'alice' },
      read: false,
    });
    expect(alice.titles).toEqual([]);
  });

  test('announces to everybody, also to those who have never come before', async () => {
    const [alice, bob] = await Promise.all([logIn('alice'), logIn('bob')]);
    expect((await bob.post('/announcements', { title: 'Lunch is here' })).status).toBe(200);
    await Promise.all([alice, bob].map((one) => one.until(() => one.titles.includes('Lunch is here'))));

    const dave = await logIn('dave');
    expect((await dave.get('/notifications')).body).toMatchObject({ items: [{ title: 'Lunch is here' }], unread: 1 });
  });

  test('may have any name, in any script', async () => {
    const newcomer = await logIn('李雷');
    expect((await newcomer.post('/deals/2/assign', { owner: '李雷' })).status).toBe(200);
    await newcomer.until(() => newcomer.titles.length === 1);
  });

  test('who assigns a deal that does not exist gets 404 and the reason', async () => {
    const bob = await logIn('bob');
    expect(await bob.post('/deals/99999/assign', { owner: 'bob' })).toEqual({
      status: 404,
      body: { statusCode: 404, error: 'Not Found', message: 'There is no deal 99999.' },
    });
  });

  test("whose deal can't be saved in the end is told of nothing: deal and notification are one transaction", async () => {
    const [bob, eve] = await Promise.all([logIn('bob'), logIn('eve')]);
    await database.query(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
    );
    // Only the COMMIT fails: by then the notification has been written.
    await database.query(`
      CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON crm_demo.deal DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.owner = 'eve' AND NEW.id = 3) EXECUTE FUNCTION refuse()`);
    expect((await bob.post('/deals/3/assign', { owner: 'eve' })).status).toBe(500);
    const second = await bob.post('/deals/4/assign', { owner: 'eve' });
    expect(second.status).toBe(200);
    await eve.until(() => eve.titles.length > 0);
    expect(eve.titles).toEqual([`${second.body.name} is yours now`]);
    expect((await bob.get('/deals')).body.items[2].owner).not.toBe('eve');
  });
});

test.each([
  ['Ann Lee', 'Ann Lee'],
  [" Seán O'Neill ", "Seán O'Neill"],
  ['王 芳', '王 芳'],
])('%j logs in, and gets what is sent to %j', async (typed, user) => {
  const { token } = (await answerOf(demo.url, 'POST', '/login', { user: typed })).body;
  const { sub } = JSON.parse(Buffer.from(token.split('.')[1], 'base64url').toString());
  expect(sub).toBe(user);
  // Before anybody else has named the newcomer.
  expect((await answerOf(demo.url, 'GET', '/people', undefined, token)).body).toMatchObject({
    items: expect.arrayContaining([expect.objectContaining({ id: user })]),
  });
  const [newcomer, bob] = await Promise.all([logIn(typed), logIn('bob')]);
  const assigned = await bob.post('/deals/1/assign', { owner: user });
  expect({ status: assigned.status, owner: assigned.body.owner }).toEqual({ status: 200, owner: user });
  await newcomer.until(() => newcomer.titles.includes(`${assigned.body.name} is yours now`));
});

describe('bad input', () => {
  const NAME = expect.stringContaining('letters or digits');
  const FIELD = expect.stringContaining('a string that is not blank');

  test.each([
    ['/login', {}, FIELD],
    ['/login', { user: '' }, FIELD],
    ['/login', { user: ['alice'] }, FIELD],
    ['/login', { user: 'a/../b' }, NAME],
    ['/login', { user: `a\u0000b` }, NAME],
    ['/login', { user: 'a'.repeat(65) }, NAME],
    ['/login', { user: 'Ann  Lee' }, NAME],
    ['/login', { user: 'Ann\nLee' }, NAME],
    ['/login', '{"user":', expect.any(String)],
    ['/login', 'null', expect.any(String)],
    ['/deals/1/assign', {}, FIELD],
    ['/deals/1/assign', { owner: '-' }, NAME],
    ['/deals/1x/assign', { owner: 'bob' }, 'The id of a deal must be a whole number.'],
    ['/deals/99999999999999/assign', { owner: 'bob' }, 'The id of a deal must be a whole number.'],
    ['/announcements', { title: '  ' }, FIELD],
    ['/announcements', { title: 'x'.repeat(301) }, expect.stringContaining('title')],
    ['/announcements', { title: 'a\u0000b' }, expect.stringContaining('title')],
    ['/announcements', { title: '\ud800' }, expect.stringContaining('title')],
  ])('POST %s %j gets 400 and says what is allowed', async (path, body, message) => {
    const { token } = (await answerOf(demo.url, 'POST', '/login', { user: 'carol' })).body;
    expect(await answerOf(demo.url, 'POST', path, body, token)).toEqual({
      status: 400,
      body: expect.objectContaining({ statusCode: 400, message }),
    });
  });

  test.each([
    ['GET', '/deals'],
    ['POST', '/deals/1/assign'],
    ['POST', '/announcements'],
    ['GET', '/notifications'],
  ])('%s %s gets 401 without a login, or with a forged one', async (method, path) => {
    const body = method === 'POST' ? { owner: 'bob', title: 'x' } : undefined;
    const [header, claims] = (await answerOf(demo.url, 'POST', '/login', { user: 'bob' })).body.token.split('.');
    for (const token of [undefined, 'nonsense', `${header}.${claims}.AAAA`]) {
      expect((await answerOf(demo.url, method, path, body, token)).status).toBe(401);
    }
  });
});

test('the page comes with all that it loads, and lets nothing else in', async () => {
  const page = await fetch(demo.url);
  const html = await page.text();
  expect(page.headers.get('content-security-policy')).toContain("default-src 'self'");
  expect(html).not.toMatch(/<script>|<style|\son\w+=|style=|https?:/);
  const files = [...html.matchAll(/(?:src|href)="([^#"]+)"/g)].map(([, file]) => file);
  expect(files).toEqual(expect.arrayContaining(['main.js', 'style.css']));
  for (const file of files) {
    const loaded = await fetch(`${demo.url}/${file}`);
    expect(loaded.status).toBe(200);
    // What a browser sends on a reload; by itself `fetch` would ask for an answer from no cache.
    const headers = { 'if-none-match': loaded.headers.get('etag') ?? '', 'cache-control': 'max-age=0' };
    expect((await fetch(`${demo.url}/${file}`, { headers })).status).toBe(304);
  }
  expect(await (await fetch(`${demo.url}/side-by-side?left=alice`)).text()).toBe(html);
});

describe('the terminal', () => {
  test('announces every line in order to everybody, but no blank ones; the end of input ends nothing', async () => {
    const [alice, bob] = await Promise.all([logIn('alice'), logIn('bob')]);
    const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}`);
    const { stderr } = demo;
    demo.type(`${lines.slice(0, 10).join('\n')}\n\n   \n\t\r\n`);
    demo.type(`${lines.slice(10).join('\r\n')}\n${'长'.repeat(400)}\n`);
    demo.type('without a line end');
    demo.endInput();
    const all = [...lines, `${'长'.repeat(299)}…`, 'without a line end'];
    await Promise.all([alice, bob].map((one) => one.until(() => one.titles.length >= all.length)));
    expect(alice.titles).toEqual(all);
    expect(bob.titles).toEqual(all);

    expect((await alice.post('/announcements', { title: 'still here' })).status).toBe(200);
    await bob.until(() => bob.titles.includes('still here'));
    expect(demo.stderr).toBe(stderr);
  });
});

test('SIGTERM ends it with exit code 0: streams are told, and silent connections are not waited for', async () => {
  const [alice, bob] = await Promise.all([logIn('alice'), logIn('bob')]);
  // As browsers open them ahead of need.
  const silent = connect(demo.port, 'localhost').on('error', () => {});
  await once(silent, 'connect');
  expect(await demo.end('SIGTERM')).toEqual({ code: 0, signal: null });
  await eventually(() => expect([alice.closeReasons, bob.closeReasons]).toEqual([['shutdown'], ['shutdown']]));
  silent.destroy();
  expect(demo.stdout.trim().split('\n')).toEqual([expect.stringContaining(demo.url)]);
});

describe("a start that can't succeed says why in one sentence, with exit code 1", () => {
  test.each([
    ['PORT', 'http', /^PORT must be a number from 0 to 65535/],
    ['BROKER', 'carrier-pigeon', /^BROKER must be one of postgres, redis, nats, in-process, not "carrier-pigeon"\.$/],
    ['DATABASE_URL', 'postgres://postgres@127.0.0.1:1/crm', /^Postgres .*ECONNREFUSED.*DATABASE_URL/],
  ])('%s=%s', async (name, value, sentence) => {
    const failing = DemoProcess.spawn({ DATABASE_URL: database.url, [name]: value });
    expect(await failing.ended).toEqual({ code: 1, signal: null });
    expect(failing.stderr.trim()).toMatch(sentence);
    expect(failing.stderr.trim()).not.toContain('\n');
    expect(failing.stdout).toBe('');
  });
});
