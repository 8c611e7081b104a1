import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { answerOf, Colleague } from './colleague.js';
import { DemoProcess } from './demo-process.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

let database: TestDatabase;
let demo: DemoProcess;
let other: DemoProcess;
let people = 0;
let alice: Colleague;
let user: string;
const open: Colleague[] = [];

beforeAll(async () => {
  database = await createTestDatabase();
  [demo, other] = await Promise.all([startDemo(), startDemo()]);
});

beforeEach(async () => {
  user = `alice${people++}`;
  alice = await logIn(user, demo);
});

afterEach(() => {
  for (const colleague of open.splice(0)) colleague.close();
});

afterAll(async () => {
  await Promise.all([demo.end(), other.end()]);
  await database.drop();
});

function startDemo(): Promise<DemoProcess> {
  return DemoProcess.start({ DATABASE_URL: database.url });
}

async function logIn(name: string, at: DemoProcess): Promise<Colleague> {
  const colleague = await Colleague.open(at.url, name);
  open.push(colleague);
  return colleague;
}

/** A CSV whose contacts can be told from all others. */
function csvOf(count: number, company = user): string {
  const lines = Array.from({ length: count }, (_, i) => `Contact ${i},${company},c${i}@example.com`);
  return ['name,company,email', ...lines].join('\n');
}

async function contactsOf(company = user) {
  return await database.query('SELECT name, email FROM crm_demo.contact WHERE company = $1 ORDER BY id', [company]);
}

describe('the import of contacts', () => {
  test('shows its progress, live, wherever its user listens, and nobody else; then it notifies', async () => {
    const [elsewhere, bob] = await Promise.all([logIn(user, other), logIn('bob', demo)]);
    const sample = await fetch(`${demo.url}/contacts/sample.csv`, {
      headers: { authorization: `Bearer ${alice.token}` },
    });
    expect(sample.headers.get('content-type')).toMatch(/^text\/csv/);
    const before = (await alice.get('/contacts')).body.total;

    const { status, body } = await alice.importCsv(await sample.text());
    expect({ status, body }).toEqual({ status: 202, body: { importId: expect.any(String), total: 5_000 } });
    const { importId, total } = body;
    for (const window of [alice, elsewhere]) {
      await window.until(() => window.titles.includes('5,000 contacts have been imported'));
      await window.until(() => window.signals.at(-1)?.data.done === total);
      const steps = window.signals.map(({ type, data }) => [type, data.importId, data.total, data.done]);
      const done = steps.map((step) => step[3] as number);
      expect(steps).toEqual(done.map((n) => ['import.progress', importId, total, n]));
      expect(done).toEqual([...done].sort((a, b) => a - b));
      // Best effort; but on a healthy way most arrive.
      expect(done.length).toBeGreaterThan(50);
    }
    expect((await alice.get('/contacts')).body.total).toBe(before + 5_000);
    const [notification] = (await alice.get('/notifications?limit=1')).body.items;
    expect(notification).toMatchObject({ type: 'import.finished', data: { importId, contacts: 5_000 } });
    expect([bob.signals, bob.titles]).toEqual([[], []]);
  });

  test('of one contact is told in the singular', async () => {
    const { body } = await alice.importCsv('name,company,email\nAda,Acme,ada@acme.example');
    expect(body.total).toBe(1);
    await alice.until(() => alice.titles.includes('1 contact has been imported'));
  });

  test('takes CSV as programs write it', async () => {
    const csv = `\uFEFFEmail,NAME , company\r\n"a@b.c","O""Neill, Björn","${user}"\r\n\r\n李雷@例子.中国,"two\nlines",${user}`;
    expect((await alice.importCsv(csv, 'Text/CSV; charset=utf-8')).status).toBe(202);
    await alice.until(() => alice.titles.includes('2 contacts have been imported'));
    expect(await contactsOf()).toEqual([
      { name: 'O"Neill, Björn', email: 'a@b.c' },
      { name: 'two\nlines', email: '李雷@例子.中国' },
    ]);
  });

  test('one at a time for each user', async () => {
    expect((await alice.importCsv(csvOf(1_000))).status).toBe(202);
    expect(await alice.importCsv(csvOf(1, 'second'))).toEqual({
      status: 409,
      body: { statusCode: 409, error: 'Conflict', message: 'Your last import is not finished yet.' },
    });
    await alice.until(() => alice.titles.length === 1);
    expect((await alice.importCsv(csvOf(1, 'third'))).status).toBe(202);
    await alice.until(() => alice.titles.length === 2);
    expect(await contactsOf('second')).toEqual([]);
  });

  test('that fails at the very end has stored nothing and says so; it never said that it had finished', async () => {
    await database.query(`
      CREATE FUNCTION crm_demo.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$`);
    // Only the COMMIT fails: by then the notification has been written.
    await database.query(`
      CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON crm_demo.contact DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.company = 'unwanted') EXECUTE FUNCTION crm_demo.refuse()`);
    const { importId } = (await alice.importCsv(csvOf(120, 'unwanted'))).body;
    await alice.until(() => alice.titles.length > 0);
    expect(await contactsOf('unwanted')).toEqual([]);
    const { items } = (await alice.get('/notifications')).body;
    expect(items).toEqual([
      expect.objectContaining({ type: 'import.failed', data: { importId }, body: expect.stringContaining('refused') }),
    ]);
  });

  test('ends with its instance: nothing is half done, and its user learns of it on another one', async () => {
    const leaving = await startDemo();
    const [starter, watcher] = await Promise.all([logIn(user, leaving), logIn(user, other)]);
    expect((await starter.importCsv(csvOf(20_000))).status).toBe(202);
    await watcher.until(() => watcher.signals.some(({ data }) => Number(data.done) > 100));
    expect(await leaving.end('SIGTERM')).toEqual({ code: 0, signal: null });
    await watcher.until(() => watcher.titles.length > 0);
    expect(watcher.titles).toEqual(['Your contacts have not been imported']);
    expect((await watcher.get('/notifications')).body.items[0]).toMatchObject({
      type: 'import.failed',
      body: 'Nothing was stored, because the CRM is being restarted. Import them again.',
    });
    expect(await contactsOf()).toEqual([]);
  });
});

describe('a CSV that is none', () => {
  const HEAD = 'name,company,email\n';

  test.each([
    ['is empty', '', 400, 'The CSV is empty.'],
    ['is blank', ' \n', 400, 'The CSV is empty.'],
    ['has no header', 'Ana,Acme,ana@acme.com', 400, /^The first line must name the columns name, company, email/],
    ['has other columns', 'name,company,phone\nAna,Acme,1', 400, /^The first line must name/],
    ['names a column twice', 'name,name,email\nAna,Acme,a@b', 400, /^The first line must name/],
    ['has no contacts', HEAD, 400, 'There is no contact below the first line.'],
    ['lacks a field', `${HEAD}Ana,Acme,a@b\nBob,Acme`, 400, 'Line 3: there must be 3 fields, not 2.'],
    ['has a field too many', `${HEAD}Ana,Acme,a@b,x`, 400, 'Line 2: there must be 3 fields, not 4.'],
    ['has a blank name', `${HEAD}" ",Acme,a@b`, 400, 'Line 2: name must not be blank.'],
    ['has a bad address', `${HEAD}Ana,"Ac\nme",a@b\n\nBob,Acme,bob`, 400, 'Line 5: email is no e-mail address.'],
    ['has a long name', `${HEAD}${'x'.repeat(201)},Acme,a@b`, 400, 'Line 2: name is longer than 200 characters.'],
    ['has U+0000', `${HEAD}A\0na,Acme,a@b`, 400, 'Line 2: name must not contain U+0000.'],
    ['never ends a quote', `${HEAD}Ana,"Acme,a@b`, 400, /^Line 2: a quote/],
    ['is not UTF-8', `${HEAD}Ana \uFFFD,Acme,a@b`, 400, 'The CSV must be UTF-8.'],
    ['has too many contacts', HEAD + 'Ana,Acme,a@b\n'.repeat(20_001), 400, /^20001 contacts are too many/],
    ['is too large', HEAD + 'x'.repeat(4 * 1024 * 1024), 413, expect.any(String)],
  ])('that %s is refused at once, and nothing is imported', async (_, csv, statusCode, message) => {
    const before = (await alice.get('/contacts')).body;
    const answer = await alice.importCsv(csv);
    expect(answer.status).toBe(statusCode);
    expect(answer.body).toMatchObject({
      statusCode,
      message: message instanceof RegExp ? expect.stringMatching(message) : message,
    });
    expect((await alice.get('/contacts')).body).toEqual(before);
    expect((await alice.get('/notifications')).body.items).toEqual([]);
  });

  test.each([['application/json'], ['text/plain'], ['application/octet-stream']])(
    'sent as %s gets 415',
    async (type) => {
      const csv = type === 'application/json' ? '{"name":"Ana"}' : csvOf(1);
      expect(await alice.importCsv(csv, type)).toMatchObject({
        status: 415,
        body: { message: 'The body must be a CSV: Content-Type: text/csv.' },
      });
    },
  );

  test.each([
    ['GET', '/contacts'],
    ['GET', '/contacts/sample.csv'],
    ['POST', '/contacts/import'],
  ])('%s %s gets 401 without a login', async (method, path) => {
    const body = method === 'POST' ? csvOf(1) : undefined;
    expect((await answerOf(demo.url, method, path, body, undefined, 'text/csv')).status).toBe(401);
  });
});
