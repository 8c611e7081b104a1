import { beforeAll, expect, jest, test } from '@jest/globals';
import { refusalInChinese } from '../../src/demo/page/words/refusals.js';
import type { Colleague } from './colleague.js';
import { startDemos } from './start-demos.js';

// Each process takes a second to start, and many on a busy machine.
jest.setTimeout(120_000);

const demos = startDemos();
let alice: Colleague;

beforeAll(async () => {
  alice = await demos.logIn('alice');
});

const CSV = 'name,company,email\n';
const ASKED = { approver: 'carol', amount: 1, reason: 'They sign.' };

// Whatever a user of the Chinese page may run into, as the server says it.
test.each<[string, () => Promise<{ status: number; body: { message: string } }>, string]>([
  ['an empty CSV', () => alice.importCsv(' '), 'CSV 是空的。'],
  ['other columns', () => alice.importCsv('a,b\n1,2'), '首行必须包含列名 name, company, email（顺序不限）。'],
  ['no contact', () => alice.importCsv(CSV), '首行之后没有联系人。'],
  ['a missing field', () => alice.importCsv(`${CSV}a,b`), '第 2 行：应有 3 个字段，实际为 2 个。'],
  ['a blank field', () => alice.importCsv(`${CSV}a, ,a@b.c`), '第 2 行：company 不能为空。'],
  ['a long field', () => alice.importCsv(`${CSV}${'x'.repeat(201)},b,a@b.c`), '第 2 行：name 超过 200 个字符。'],
  ['no address', () => alice.importCsv(`${CSV}a,b,c`), '第 2 行：邮箱地址无效。'],
  ['a stray quote', () => alice.importCsv(`${CSV}a,"b,c`), '第 2 行：引号位置有误或没有结束。'],
  [
    'too much money',
    () => alice.post('/deals/1/approvals', { ...ASKED, amount: 1e9 }),
    '金额不能超过商机金额 184000。',
  ],
  ['no money', () => alice.post('/deals/1/approvals', { ...ASKED, amount: 0 }), '金额必须是不小于 1 的整数。'],
  ['oneself', () => alice.post('/deals/1/approvals', { ...ASKED, approver: 'alice' }), '不能审批自己提出的申请。'],
  ['no deal', () => alice.post('/deals/999/assign', { owner: 'bob' }), '该商机不存在。'],
  ['the past', () => alice.post('/deals/1/reminders', { at: '2001-01-01T00:00:00Z' }), '时间必须在今后一年之内。'],
  ['nobody', () => alice.post('/login', { user: ' ' }), '内容不能为空。'],
  [
    'no name',
    () => alice.post('/login', { user: '!' }),
    "名称须为 1 到 64 个字母或数字，首字符之后还可使用单个空格和 . _ @ ' -。",
  ],
])('the Chinese page says in Chinese that the CRM refuses %s', async (_, refused, text) => {
  const { status, body } = await refused();
  expect(status).toBeGreaterThanOrEqual(400);
  expect(refusalInChinese(body.message)).toBe(text);
});

test('what it has no words for stays as it is, introduced in Chinese', () => {
  expect(refusalInChinese('418 I am a teapot')).toBe('请求被拒绝：418 I am a teapot');
});
