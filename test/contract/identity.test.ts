import { runInNewContext } from 'node:vm';
import { expect, test } from '@jest/globals';
import { streamOptionsOf } from '../../src/notifications/arguments.js';
import { checkIdentity } from '../../src/notifications/http/identity.js';
import { NotificationsError } from '../../src/notifications/index.js';
import { instant } from '../../src/notifications/payload.js';
import { plainData } from '../../src/notifications/plain-data.js';
import { refusal } from '../support/refusal.js';

// Things are known by what they are, not by the copy of a class that made them.

const theirs = (code: string) => runInNewContext(code);

test('a Date of another realm is a Date', async () => {
  const date: Date = theirs('new Date(4102444800000)');
  expect(date).not.toBeInstanceOf(Date);
  expect(instant('expiresAt', date)).toBe('2100-01-01T00:00:00.000Z');
  expect(streamOptionsOf({ expiresAt: date }).expiresAt).toBe(date);
  expect(checkIdentity({ recipient: 'ann', expiresAt: date }).expiresAt).toBe(date);
  const { message } = await refusal(() => instant('expiresAt', theirs('new Date(NaN)')), 'INVALID_ARGUMENT');
  expect(message).toBe('expiresAt is an invalid Date.');
});

test('a Map of another realm is one that JSON would drop', async () => {
  const { message } = await refusal(() => plainData({ map: theirs('new Map([[1, 2]])') }, 100), 'INVALID_ARGUMENT');
  expect(message).toMatch(/data\.map is a Map, which JSON cannot carry/);
});

test('an error of another build of the library is one of ours', () => {
  class NotificationsErrorOfTheirs extends Error {
    static {
      Object.defineProperty(NotificationsErrorOfTheirs.prototype, Symbol.for('nestjs-crm-notifications:error'), {
        value: true,
      });
    }
  }
  expect(new NotificationsErrorOfTheirs()).toBeInstanceOf(NotificationsError);
  class Own extends NotificationsError {}
  expect(new Own('CLOSED', 'over')).toBeInstanceOf(Own);
  expect(new NotificationsError('CLOSED', 'over')).not.toBeInstanceOf(Own);
  for (const other of [new Error('x'), null, undefined, 'x', {}]) expect(other).not.toBeInstanceOf(NotificationsError);
});
