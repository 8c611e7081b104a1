import { expect, jest, test } from '@jest/globals';
import { eventually } from '../support/eventually.js';
import { answerOf } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos();

const inMs = (ms: number) => new Date(Date.now() + ms).toISOString();

test('a reminder comes at its time and not before, to who wanted it alone', async () => {
  const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
  const at = inMs(2_000);
  const { status, body } = await alice.post('/deals/2/reminders', { at, note: 'Ask for Jonas' });
  expect({ status, body }).toEqual({
    status: 201,
    body: { id: expect.any(Number), dealId: 2, user: 'alice', at, note: 'Ask for Jonas' },
  });
  expect((await alice.get('/deals/2/reminders')).body).toEqual({ items: [body] });
  expect((await bob.get('/deals/2/reminders')).body).toEqual({ items: [] });

  await alice.until(() => alice.titles.length > 0);
  expect(Date.now()).toBeGreaterThanOrEqual(Date.parse(at));
  expect(alice.titles).toEqual(['Follow up on Warehouse scanners']);
  const [notification] = (await alice.get('/notifications?limit=1')).body.items;
  expect(notification).toMatchObject({
    type: 'reminder.due',
    body: 'Ask for Jonas',
    url: '/#deal-2',
    data: { reminderId: body.id, dealId: 2 },
  });
  expect((await alice.get('/deals/2/reminders')).body).toEqual({ items: [] });
  expect(bob.titles).toEqual([]);
});

test('one for later waits in the outbox, and the list of what is ahead has the next one first', async () => {
  const bob = await demos.logIn('bob');
  const [tomorrow, inAnHour] = [inMs(86_400_000), inMs(3_600_000)];
  for (const at of [tomorrow, inAnHour]) expect((await bob.post('/deals/3/reminders', { at })).status).toBe(201);
  const { items } = (await bob.get('/deals/3/reminders')).body;
  expect(items.map(({ at }: { at: string }) => at)).toEqual([inAnHour, tomorrow]);
  await eventually(async () => {
    const rows = await demos.database.query('SELECT deliver_at FROM notifications.outbox ORDER BY deliver_at');
    expect(rows.map(({ deliver_at }) => deliver_at.toISOString())).toEqual([inAnHour, tomorrow]);
  });
});

test('one that cannot be saved in the end never comes', async () => {
  const bob = await demos.logIn('bob');
  await demos.database.query(
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
  );
  await demos.database.query(`
    CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON crm_demo.reminder DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.note = 'refused') EXECUTE FUNCTION refuse()`);
  expect((await bob.post('/deals/4/reminders', { at: inMs(500), note: 'refused' })).status).toBe(500);
  expect((await bob.post('/deals/4/reminders', { at: inMs(600), note: 'kept' })).status).toBe(201);
  await bob.until(() => bob.titles.length > 0);
  expect(bob.titles).toEqual(['Follow up on Point-of-sale rollout']);
});

test.each([
  ['/deals/1/reminders', undefined, 400, /"at", a moment with its offset/],
  ['/deals/1/reminders', { at: 'tomorrow' }, 400, /"at", a moment/],
  ['/deals/1/reminders', { at: '2031-01-31T09:00' }, 400, /with its offset/],
  ['/deals/1/reminders', { at: '2031-02-31T25:00:00Z' }, 400, /"at", a moment/],
  ['/deals/1/reminders', { at: 1_900_000_000_000 }, 400, /"at", a moment/],
  ['/deals/1/reminders', { at: '2020-01-31T09:00:00Z' }, 400, /within the year to come/],
  ['/deals/1/reminders', { at: '2999-01-31T09:00:00Z' }, 400, /within the year to come/],
  ['/deals/1/reminders', { at: inMs(60_000), note: {} }, 400, /"note" must be a string/],
  ['/deals/1x/reminders', { at: inMs(600_000) }, 400, /whole number/],
  ['/deals/99999/reminders', { at: inMs(600_000) }, 404, /There is no deal 99999\./],
])('POST %s %j gets %d and the reason', async (path, body, statusCode, message) => {
  const alice = await demos.logIn('alice');
  expect((await alice.post(path, body)).body).toMatchObject({ statusCode, message: expect.stringMatching(message) });
});

test('reminders need a login, and a deal', async () => {
  for (const method of ['GET', 'POST']) {
    const body = method === 'POST' ? { at: inMs(60_000) } : undefined;
    expect((await answerOf(demos.first.url, method, '/deals/1/reminders', body)).status).toBe(401);
  }
  const alice = await demos.logIn('alice');
  expect((await alice.get('/deals/99999/reminders')).status).toBe(404);
});
