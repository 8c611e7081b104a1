import { describe, expect, jest, test } from '@jest/globals';
import { answerOf } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos();

describe('the people', () => {
  test('of the sample company are offered at the login; everybody else is known from the first login on', async () => {
    const { items } = (await answerOf(demos.first.url, 'GET', '/colleagues')).body;
    expect(items.map(({ id }: { id: string }) => id)).toEqual(['alice', 'bob', 'carol', 'dave', 'lilei', 'meimei']);
    expect(items[4]).toMatchObject({ name: '李雷', language: 'zh-CN' });

    const zoe = await demos.logIn('zoe');
    expect((await zoe.get('/me')).body).toEqual({ id: 'zoe', name: 'zoe', role: null, language: null });
    const people = (await zoe.get('/people')).body.items;
    expect(people).toEqual(expect.arrayContaining([...items, expect.objectContaining({ id: 'zoe' })]));
  });

  test('have something in their inboxes, some of it unread, that leads to what it is about', async () => {
    for (const user of ['alice', 'bob', 'carol', 'lilei', 'meimei']) {
      const colleague = await demos.logIn(user);
      const { items, unread } = (await colleague.get('/notifications')).body;
      expect(items.length).toBeGreaterThan(1);
      expect(unread).toBe(1);
      for (const { url } of items) expect(url).toMatch(/^\/#(deal|approval)-\d+$|^\/#contacts$/);
      // It was there before.
      expect(colleague.titles).toEqual([]);
    }
    const lilei = await demos.logIn('lilei');
    expect((await lilei.get('/notifications')).body.items[0].title).toBe('“供应商协同门户”现在由你负责');
  });
});

describe('the language', () => {
  test('that somebody chooses is that of all that the CRM writes to them, and their other windows follow', async () => {
    const [carol, window] = await Promise.all([demos.logIn('carol'), demos.logIn('carol')]);
    const chosen = await carol.post('/me', { language: 'zh-CN' });
    expect(chosen).toMatchObject({ status: 200, body: { id: 'carol', language: 'zh-CN' } });
    await window.until(() => window.signals.length > 0);
    expect(window.signals).toEqual([{ type: 'me.changed', data: { language: 'zh-CN' } }]);
    expect((await window.get('/me')).body).toEqual(chosen.body);

    const alice = await demos.logIn('alice');
    await alice.post('/deals/9/assign', { owner: 'carol' });
    await carol.until(() => carol.titles.includes('“智慧工厂一期”现在由你负责'));
    await alice.post('/deals/9/move', { stage: 'won' });
    await carol.until(() => carol.titles.includes('“智慧工厂一期”已进入“赢单”阶段'));
    await alice.post('/deals/10/approvals', { approver: 'carol', amount: 50_000, reason: '年度框架协议' });
    await carol.until(() => carol.titles.includes('Alice Martin申请为“门店会员系统”优惠¥50,000'));
    await carol.post('/deals/9/reminders', { at: new Date(Date.now() + 300).toISOString() });
    await carol.until(() => carol.titles.includes('该跟进“智慧工厂一期”了'));
    await carol.importCsv('name,company,email\nAna,Acme,ana@example.com');
    await carol.until(() => carol.titles.includes('已导入 1 位联系人'));

    const { id } = (await alice.get('/approvals')).body.items[0];
    await carol.post(`/approvals/${id}/reject`, {});
    await alice.until(() => alice.titles.length > 0);
    expect(alice.titles).toEqual(['Carol Lindqvist rejected CN¥50,000 off 门店会员系统']);
  });

  test.each([[undefined], [{}], [{ language: 'fr' }], [{ language: null }], [{ language: ['en'] }]])(
    'POST /me %j gets 400 and what is allowed',
    async (body) => {
      const alice = await demos.logIn('alice');
      expect(await alice.post('/me', body)).toMatchObject({
        status: 400,
        body: { message: 'The body must be JSON with "language", one of en, zh-CN.' },
      });
    },
  );

  test.each([
    ['GET', '/people'],
    ['GET', '/me'],
    ['POST', '/me'],
  ])('%s %s needs a login', async (method, path) => {
    const body = method === 'POST' ? { language: 'en' } : undefined;
    expect((await answerOf(demos.first.url, method, path, body)).status).toBe(401);
  });
});

test('contacts can be asked for by company', async () => {
  const alice = await demos.logIn('alice');
  const { items } = (await alice.get(`/contacts?company=${encodeURIComponent('Brandt & Söhne')}`)).body;
  expect(items).toEqual([expect.objectContaining({ name: 'Jonas Brandt' })]);
  expect((await alice.get('/contacts?company=a&company=b')).status).toBe(400);
  const all = (await alice.get('/contacts')).body;
  expect(all.items).toHaveLength(Math.min(all.total, 20));
});
