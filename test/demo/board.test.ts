import { expect, jest, test } from '@jest/globals';
import { answerOf, type Colleague } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos({ instances: 2 });

async function dealOf(colleague: Colleague, id: number) {
  return (await colleague.get('/deals')).body.items.find((deal: { id: number }) => deal.id === id);
}

const changesOf = (colleague: Colleague) =>
  colleague.signals.filter(({ type }) => type === 'deal.changed').map(({ data }) => data);

test('the board is filled with believable deals: every stage, two currencies, and owners whom the CRM knows', async () => {
  const alice = await demos.logIn('alice');
  const { items } = (await alice.get('/deals')).body;
  expect(items).toHaveLength(20);
  const valuesOf = (field: string) => new Set(items.map((deal: Record<string, unknown>) => deal[field]));
  expect(valuesOf('stage')).toEqual(new Set(['lead', 'qualified', 'proposal', 'negotiation', 'won', 'lost']));
  expect(valuesOf('currency')).toEqual(new Set(['EUR', 'CNY']));
  const people = (await alice.get('/people')).body.items.map(({ id }: { id: string }) => id);
  expect(people).toEqual(expect.arrayContaining([...valuesOf('owner')]));
});

test('who moves a deal of somebody else has its owner told, in one transaction, and the boards of all look again', async () => {
  const [alice, bob, carol] = await Promise.all([
    demos.logIn('alice'),
    demos.logIn('bob'),
    demos.logIn('carol', demos.second),
  ]);
  const before = await dealOf(alice, 3);
  expect(before).toMatchObject({ owner: 'bob', stage: 'qualified' });
  expect(await alice.post('/deals/3/move', { stage: 'negotiation' })).toEqual({
    status: 200,
    body: { ...before, stage: 'negotiation' },
  });
  await bob.until(() => bob.titles.includes(`${before.name} is in Negotiation now`));
  const [notification] = (await bob.get('/notifications?limit=1')).body.items;
  expect(notification).toMatchObject({
    type: 'deal.moved',
    body: `Alice Martin moved your deal with ${before.company} there from Qualified.`,
    url: '/#deal-3',
    data: { dealId: 3, from: 'qualified', to: 'negotiation', movedBy: 'alice' },
  });
  for (const one of [alice, bob, carol]) {
    await one.until(() => changesOf(one).length > 0);
    expect(changesOf(one)).toEqual([{ dealId: 3, by: 'alice' }]);
  }
  expect(await dealOf(carol, 3)).toEqual({ ...before, stage: 'negotiation' });
  expect([alice.titles, carol.titles]).toEqual([[], []]);
});

test('nobody is told of what they did themselves, nor of a move that is none', async () => {
  const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
  expect((await bob.post('/deals/4/move', { stage: 'won' })).status).toBe(200);
  expect((await alice.post('/deals/4/move', { stage: 'won' })).status).toBe(200);
  // What is sent after it comes after it.
  await alice.post('/deals/4/assign', { owner: 'bob' });
  await bob.until(() => bob.titles.length > 0);
  expect(bob.titles).toEqual([expect.stringContaining('is yours now')]);
});

test('a move that cannot be saved in the end is told to nobody', async () => {
  const [alice, bob] = await Promise.all([demos.logIn('alice'), demos.logIn('bob')]);
  await demos.database.query(
    "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
  );
  // Only the COMMIT fails: by then the notification has been written.
  await demos.database.query(`
    CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON crm_demo.deal DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.stage = 'lost' AND NEW.id = 13) EXECUTE FUNCTION refuse()`);
  expect((await alice.post('/deals/13/move', { stage: 'lost' })).status).toBe(500);
  expect((await alice.post('/deals/13/move', { stage: 'proposal' })).status).toBe(200);
  await bob.until(() => bob.titles.length > 0);
  expect(bob.titles).toEqual([expect.stringContaining('is in Proposal now')]);
  await bob.until(() => changesOf(bob).length > 0);
  expect(changesOf(bob)).toHaveLength(1);
});

test.each([
  ['/deals/1/move', undefined, 400, /"stage", one of lead, qualified/],
  ['/deals/1/move', {}, 400, /"stage", one of/],
  ['/deals/1/move', { stage: 'Won' }, 400, /"stage", one of/],
  ['/deals/1/move', { stage: ['won'] }, 400, /"stage", one of/],
  ['/deals/1x/move', { stage: 'won' }, 400, /whole number/],
  ['/deals/99999/move', { stage: 'won' }, 404, /There is no deal 99999\./],
])('POST %s %j gets %d and the reason', async (path, body, statusCode, message) => {
  const alice = await demos.logIn('alice');
  expect((await alice.post(path, body)).body).toMatchObject({ statusCode, message: expect.stringMatching(message) });
});

test('moving needs a login', async () => {
  expect((await answerOf(demos.first.url, 'POST', '/deals/1/move', { stage: 'won' })).status).toBe(401);
});
