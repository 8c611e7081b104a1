import { beforeEach, describe, expect, jest, test } from '@jest/globals';
import { answerOf, type Colleague } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos();
let alice: Colleague;
let carol: Colleague;

beforeEach(async () => {
  [alice, carol] = await Promise.all([demos.logIn('alice'), demos.logIn('carol')]);
});

const ASKED = { approver: 'carol', amount: 4_000, reason: 'They sign this week.' };

async function ask(dealId: number) {
  const { status, body } = await alice.post(`/deals/${dealId}/approvals`, ASKED);
  expect(status).toBe(201);
  return body;
}

describe('an approval', () => {
  test('is asked for and given: each is told of what the other did', async () => {
    const asked = await ask(1);
    expect(asked).toMatchObject({ dealId: 1, requestedBy: 'alice', ...ASKED, status: 'pending', note: null });
    await carol.until(() => carol.titles.includes('Alice Martin asks for €4,000 off Fleet renewal 2027'));
    const [request] = (await carol.get('/notifications?limit=1')).body.items;
    expect(request).toMatchObject({
      type: 'approval.requested',
      body: ASKED.reason,
      url: `/#approval-${asked.id}`,
      data: { approvalId: asked.id, dealId: 1, requestedBy: 'alice' },
    });

    const given = await carol.post(`/approvals/${asked.id}/approve`, { note: 'Go ahead.' });
    expect(given).toEqual({
      status: 200,
      body: { ...asked, status: 'approved', note: 'Go ahead.', decidedAt: expect.any(String) },
    });
    await alice.until(() => alice.titles.includes('Carol Lindqvist approved €4,000 off Fleet renewal 2027'));
    const [answer] = (await alice.get('/notifications?limit=1')).body.items;
    expect(answer).toMatchObject({
      type: 'approval.decided',
      body: 'Go ahead.',
      data: { approvalId: asked.id, dealId: 1, decision: 'approved' },
    });
    for (const one of [alice, carol]) expect((await one.get('/approvals')).body.items[0]).toEqual(given.body);
    expect((await carol.get('/deals/1/approvals')).body).toEqual({ items: [given.body] });
  });

  test('may be rejected without a word, and asked for again', async () => {
    const { id } = await ask(2);
    expect((await carol.post(`/approvals/${id}/reject`, {})).body).toMatchObject({ status: 'rejected', note: null });
    await alice.until(() => alice.titles.includes('Carol Lindqvist rejected €4,000 off Warehouse scanners'));
    await ask(2);
  });

  test('is decided by whom it was asked from, and once', async () => {
    const { id } = await ask(3);
    expect(await alice.post(`/approvals/${id}/approve`, {})).toMatchObject({
      status: 403,
      body: { message: 'Somebody else was asked to decide this.' },
    });
    const twice = await Promise.all([
      carol.post(`/approvals/${id}/approve`, {}),
      carol.post(`/approvals/${id}/reject`, {}),
    ]);
    expect(twice.map(({ status }) => status).sort()).toEqual([200, 409]);
    expect((await carol.post(`/approvals/${id}/approve`, {})).body.message).toMatch(/^This has been \w+ already\.$/);
  });

  test('waits for one decision at a time on each deal', async () => {
    const twice = await Promise.all([alice.post('/deals/4/approvals', ASKED), alice.post('/deals/4/approvals', ASKED)]);
    expect(twice.map(({ status }) => status).sort()).toEqual([201, 409]);
  });

  test('that cannot be saved in the end is told to nobody', async () => {
    await demos.database.query(
      "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'refused'; END $$",
    );
    await demos.database.query(`
      CREATE CONSTRAINT TRIGGER refuse AFTER INSERT OR UPDATE ON crm_demo.approval DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW WHEN (NEW.reason = 'refused' OR NEW.note = 'refused') EXECUTE FUNCTION refuse()`);
    expect((await alice.post('/deals/7/approvals', { ...ASKED, amount: 999, reason: 'refused' })).status).toBe(500);
    const { id } = await ask(7);
    await carol.until(() => carol.titles.length > 0);
    expect(carol.titles).toEqual(['Alice Martin asks for €4,000 off Solar roof monitoring']);

    expect((await carol.post(`/approvals/${id}/reject`, { note: 'refused' })).status).toBe(500);
    await carol.post(`/approvals/${id}/approve`, {});
    await alice.until(() => alice.titles.length > 0);
    expect(alice.titles).toEqual(['Carol Lindqvist approved €4,000 off Solar roof monitoring']);
  });
});

describe('bad input', () => {
  test.each([
    ['/deals/8/approvals', undefined, 400, /"amount"/],
    ['/deals/8/approvals', { ...ASKED, amount: 0 }, 400, /"amount", a whole number/],
    ['/deals/8/approvals', { ...ASKED, amount: '4000' }, 400, /"amount", a whole number/],
    ['/deals/8/approvals', { ...ASKED, amount: 1.5 }, 400, /"amount", a whole number/],
    ['/deals/8/approvals', { ...ASKED, amount: 1_000_000 }, 400, /"amount" must be at most 96000/],
    ['/deals/8/approvals', { ...ASKED, approver: '-' }, 400, /"approver"/],
    ['/deals/8/approvals', { ...ASKED, approver: 'alice' }, 400, /Nobody approves/],
    ['/deals/8/approvals', { ...ASKED, reason: ' ' }, 400, /"reason", a string that is not blank/],
    ['/deals/8/approvals', { ...ASKED, reason: 'x'.repeat(501) }, 400, /"reason" must be at most 500/],
    ['/deals/8/approvals', { ...ASKED, reason: 'a\u0000' }, 400, /"reason" must not contain U\+0000/],
    ['/deals/8x/approvals', ASKED, 400, /whole number/],
    ['/deals/99999/approvals', ASKED, 404, /There is no deal 99999\./],
    ['/approvals/99999/approve', {}, 404, /There is no approval 99999\./],
    ['/approvals/x/reject', {}, 400, /whole number/],
    ['/approvals/1/approve', { note: 1 }, 400, /"note" must be a string/],
    ['/approvals/1/approve', { note: '\ud800' }, 400, /"note" must not contain/],
  ])('POST %s %j gets %d and the reason', async (path, body, statusCode, message) => {
    expect((await alice.post(path, body)).body).toMatchObject({ statusCode, message: expect.stringMatching(message) });
  });

  test.each([
    ['GET', '/approvals', 401],
    ['GET', '/deals/1/approvals', 401],
    ['POST', '/deals/1/approvals', 401],
    ['POST', '/approvals/1/approve', 401],
  ])('%s %s without a login gets %d', async (method, path, status) => {
    const body = method === 'POST' ? ASKED : undefined;
    expect((await answerOf(demos.first.url, method, path, body)).status).toBe(status);
  });

  test('the approvals of a deal that does not exist are 404', async () => {
    expect((await alice.get('/deals/99999/approvals')).status).toBe(404);
  });
});
