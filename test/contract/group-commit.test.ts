import { expect, test } from '@jest/globals';
import { CallLimit } from '../../src/notifications/inbox/call-limit.js';
import { GroupCommit } from '../../src/notifications/inbox/group-commit.js';
import type { NotificationsDataSource } from '../../src/notifications/index.js';
import { pass, useFakeTimers } from '../client/support/fake-timers.js';

useFakeTimers();

const STATEMENT_MS = 5;
const LOCK_TIMEOUT_MS = 500;
const TIMEOUT_MS = 10_000;

interface Message {
  id: string;
  recipients: string[];
}

/** A Postgres whose locks and answers the test decides on. It keeps what it stores, in its order. */
class FakeDatabase {
  readonly schema = 's';
  readonly stored: string[] = [];
  /** How often a message has met a lock. */
  readonly lockTimeouts: string[] = [];
  readonly lookups: string[][] = [];
  /** Inboxes that another transaction holds. */
  readonly locked = new Set<string>();
  /** Those of them that can't be seen. */
  readonly unseen = new Set<string>();
  /** Rejects or delays a statement. */
  onStore: (ids: string[]) => Promise<void> | undefined = () => undefined;
  onLookup: () => Promise<void> | undefined = () => undefined;

  checkEnding(): void {}

  async run({ name }: { name: string }, values: unknown[]): Promise<object[]> {
    await new Promise((resolve) => setTimeout(resolve, STATEMENT_MS));
    return name === 'find_locked_inboxes' ? this.lookup(values as [string[], string[]]) : this.store(String(values[0]));
  }

  private async lookup([tenants, recipients]: [string[], string[]]): Promise<object[]> {
    this.lookups.push(recipients);
    const found = recipients
      .map((recipient, index) => ({ tenant: tenants[index], recipient }))
      .filter(({ recipient }) => this.locked.has(recipient) && !this.unseen.has(recipient));
    await this.onLookup();
    return found;
  }

  private async store(json: string): Promise<object[]> {
    const messages: Message[] = JSON.parse(json);
    const ids = messages.map(({ id }) => id);
    await this.onStore(ids);
    if (messages.some(({ recipients }) => recipients.some((recipient) => this.locked.has(recipient)))) {
      await new Promise((resolve) => setTimeout(resolve, LOCK_TIMEOUT_MS));
      this.lockTimeouts.push(ids.join());
      throw Object.assign(new Error('lock timeout'), { code: '55P03' });
    }
    this.stored.push(...ids);
    return ids.map((id) => ({ id }));
  }
}

function start() {
  const database = new FakeDatabase();
  const [many, one, oneToStreams, existing] = ['many', 'one', 'oneToStreams', 'existing'].map((name) => ({
    name,
    text: '',
  })) as [Statement, Statement, Statement, Statement];
  const commit = new GroupCommit(
    database as unknown as NotificationsDataSource,
    { many, one, oneToStreams, existing },
    new CallLimit(TIMEOUT_MS),
    2,
    () => undefined,
  );
  /** @returns 'stored', or the code of what it was refused with. */
  const send = (id: string, ...recipients: string[]) =>
    commit.add({ id, type: 't', title: id, recipients }, {}).then(
      () => 'stored',
      ({ code }) => code as string,
    );
  return { database, send };
}

type Statement = { name: string; text: string };

function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

test('a call stays behind an earlier one to its inbox that is tried alone, also when nothing is in flight', async () => {
  const { database, send } = start();
  for (const inbox of ['seen', 'unseen']) database.locked.add(inbox);
  database.unseen.add('unseen');
  // Both locks end with the look after which the call to the unseen inbox is tried again.
  database.onLookup = async () => {
    if (performance.now() >= triedAt + 1_000) database.locked.clear();
  };
  let triedAt = Number.POSITIVE_INFINITY;
  const calls = [send('other', 'seen')];
  await pass(2 * LOCK_TIMEOUT_MS);
  calls.push(send('first', 'unseen'));
  while (!database.lockTimeouts.includes('first')) await pass(STATEMENT_MS);
  triedAt = performance.now();
  calls.push(send('second', 'unseen'));
  await pass(2_000);
  expect(await Promise.all(calls)).toEqual(['stored', 'stored', 'stored']);
  expect(database.stored.filter((id) => id !== 'other')).toEqual(['first', 'second']);
});

test('a call that has waited for a lock goes behind earlier ones to its other inboxes', async () => {
  const { database, send } = start();
  const slow = gate();
  database.onStore = (ids) => (ids.includes('slow') ? slow.opened : undefined);
  database.locked.add('locked');
  const calls = [send('waits', 'locked')];
  await pass(2 * LOCK_TIMEOUT_MS);
  calls.push(send('slow', 'busy'));
  await pass(STATEMENT_MS);
  calls.push(send('first', 'busy'), send('second', 'busy', 'locked'));
  await pass(STATEMENT_MS);
  database.locked.clear();
  await pass(500);
  expect(database.stored).toEqual(['waits']);
  slow.open();
  await pass(500);
  expect(await Promise.all(calls)).toEqual(['stored', 'stored', 'stored', 'stored']);
  expect(database.stored).toEqual(['waits', 'slow', 'first', 'second']);
});

test('a call behind a burst to a locked inbox waits for one lock timeout, however large the burst is', async () => {
  const { database, send } = start();
  database.locked.add('locked');
  const burst = Array.from({ length: 3_000 }, (_, i) => send(`burst ${i}`, 'locked'));
  const other = send('other', 'free');
  await pass(LOCK_TIMEOUT_MS + 10 * STATEMENT_MS);
  expect(database.stored).toEqual(['other']);
  database.locked.clear();
  await pass(2_000);
  expect(await other).toBe('stored');
  expect(new Set(await Promise.all(burst))).toEqual(new Set(['stored']));
});

test('a lock that is found while others are looked at is looked at the next time', async () => {
  const { database, send } = start();
  for (const inbox of ['a', 'b']) database.locked.add(inbox);
  const calls = [send('to a', 'a')];
  await pass(LOCK_TIMEOUT_MS + 4 * STATEMENT_MS);
  // All of this takes less than a second: then a call is tried, locked or not. A look that takes longer than it takes to find out that b is locked.
  const look = gate();
  let isLooking = false;
  database.onLookup = () => {
    if (isLooking || database.lookups.at(-1)?.includes('b')) return undefined;
    isLooking = true;
    return look.opened;
  };
  await pass(100 + STATEMENT_MS);
  expect(isLooking).toBe(true);
  calls.push(send('to b', 'b'));
  await pass(LOCK_TIMEOUT_MS + 4 * STATEMENT_MS);
  expect(database.lockTimeouts).toEqual(['to a', 'to b']);
  look.open();
  await pass(200);
  expect(new Set(database.lookups.at(-1))).toEqual(new Set(['a', 'b']));
  database.locked.clear();
  await pass(500);
  expect(await Promise.all(calls)).toEqual(['stored', 'stored']);
  expect(database.lockTimeouts).toEqual(['to a', 'to b']);
});

test('a call whose batch was refused is not stored until it is sent again: at its deadline it is OVERLOADED', async () => {
  const { database, send } = start();
  database.onStore = (ids) => {
    if (ids.length > 1) throw Object.assign(new Error('invalid'), { code: '22P02' });
    // The first that is tried alone is never answered.
    return new Promise<void>(() => {});
  };
  const calls = [send('sent', 'a'), send('waits', 'b'), send('waits, too', 'c')];
  await pass(TIMEOUT_MS + 1_000);
  expect(await Promise.all(calls)).toEqual(['DEADLINE_EXCEEDED', 'OVERLOADED', 'OVERLOADED']);
});

/** A batch: the first call goes alone, and these are joined while it is on its way. */
async function sendTogether({ send }: ReturnType<typeof start>, names: string[]): Promise<string[]> {
  const calls = [send('alone', 'alone'), ...names.map((name) => send(name, name))];
  await pass(60_000);
  return (await Promise.all(calls)).slice(1);
}

const refuse = (code: string) => Promise.reject(Object.assign(new Error(`refused with ${code}`), { code }));

test.each([
  ['CRM01', 'REJECTED_BY_DATABASE'],
  ...['P0001', '21000', '22P02', '23514', '42501', '42703', '44000', '45000', '0A000', '55000'].map((code) => [
    code,
    'REJECTED_BY_DATABASE',
  ]),
  ...['40001', '40P01', '53100', '57014', 'XX000'].map((code) => [code, 'DATABASE_UNAVAILABLE']),
] as [string, string][])('one row that is refused with %s fails no other call', async (code, told) => {
  const started = start();
  started.database.onStore = (ids) => (ids.includes('bad') ? refuse(code) : undefined);
  const names = ['a', 'b', 'bad', 'c', 'd'];
  expect(await sendTogether(started, names)).toEqual(names.map((name) => (name === 'bad' ? told : 'stored')));
});

test('where the database itself is at fault, few calls are tried alone', async () => {
  const started = start();
  const sent: number[] = [];
  started.database.onStore = (ids) => {
    sent.push(ids.length);
    return refuse('25006');
  };
  const names = Array.from({ length: 100 }, (_, index) => `r${index}`);
  expect(new Set(await sendTogether(started, names))).toEqual(new Set(['REJECTED_BY_DATABASE']));
  expect(sent.filter((length) => length === 1).length).toBeLessThan(30);
});

test('many bad rows in a row, which only a row can cause, fail no other call', async () => {
  const started = start();
  started.database.onStore = (ids) => (ids.some((id) => id.startsWith('bad')) ? refuse('CRM01') : undefined);
  const bad = Array.from({ length: 20 }, (_, index) => `bad${index}`);
  expect((await sendTogether(started, [...bad, 'good'])).at(-1)).toBe('stored');
});

test('a session that ends takes the whole batch with it: nothing is known to be stored, nor to be not', async () => {
  const started = start();
  let statements = 0;
  started.database.onStore = () => {
    statements += 1;
    return refuse('57P01');
  };
  expect(new Set(await sendTogether(started, ['a', 'b', 'c']))).toEqual(new Set(['DATABASE_UNAVAILABLE']));
  expect(statements).toBeLessThan(4);
});
