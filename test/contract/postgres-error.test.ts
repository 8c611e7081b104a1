import { expect, test } from '@jest/globals';
import { isUnanswered, sqlState } from '../../src/notifications/inbox/postgres-error.js';

const withCode = (code: string) => Object.assign(new Error('of pg'), { code });

test.each(['EPIPE', 'EPERM', 'EBADF', 'ECONNRESET', 'ERR_STREAM_DESTROYED'])(
  '%s of a socket is no SQLSTATE',
  (code) => {
    expect(sqlState(withCode(code))).toBeUndefined();
    expect(sqlState({ driverError: withCode(code) })).toBeUndefined();
    expect(isUnanswered(withCode(code))).toBe(true);
  },
);

test.each([
  ['57P01', true],
  ['XX000', true],
  ['HV00A', false],
  ['P0001', false],
  ['42P01', false],
  ['CRMNO', false],
])('%s is one', (code, unanswered) => {
  expect(sqlState({ driverError: withCode(code) })).toBe(code);
  expect(isUnanswered(withCode(code))).toBe(unanswered);
});
