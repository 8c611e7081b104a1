import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { describeWithoutCredentials } from '../../src/notifications/http/redact.js';
import { Incidents } from '../../src/notifications/incidents.js';
import { type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';

/** Line ends of every kind, colours by escape and by C1, a terminal's title, what turns the direction of text. */
const EVIL = 'x\n[Nest] 1 - LOG forged\r\u0085\u2028\u2029\u001b[31m\u009b31m\u001b]0;t\u0007\u007f\u202e\u2066end';
const BAD = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/u;

describe('What others have written begins no line in the log, and drives no terminal', () => {
  let database: TestDatabase;
  let crm: CrmApp;
  const lines: string[] = [];

  beforeAll(async () => {
    database = await createMigratedDatabase();
    crm = await startCrmApp(database);
    const log = (message: unknown) => void lines.push(String(message));
    Logger.overrideLogger({ log, warn: log, error: log });
  });
  afterAll(async () => {
    await crm.close();
    await database.drop();
  });

  test.each([
    ['a field', { recipients: ['ann'], type: 't', title: 'T', [EVIL]: 1 }, /Rows of the outbox have the field "x/],
    ['a kind', { recipients: ['ann'], type: 't', title: 'T', kind: EVIL }, /Rows of the outbox have the kind "x/],
    ['a field of an old row', { recipients: ['ann'], type: 't', title: 'T', [EVIL]: 2 }, /parked: x/],
    ['a type', { recipients: ['ann'], type: EVIL.repeat(9), title: 'T' }, /parked: type is too long/],
  ])('the name of %s in a row of the outbox', async (what, payload, expected) => {
    const age = what.includes('old') ? '1 hour' : '0';
    await database.query(`INSERT INTO notifications.outbox (payload, created_at) VALUES ($1, now() - $2::interval)`, [
      JSON.stringify(payload),
      age,
    ]);
    const line = await eventually(() => {
      const found = lines.find((text) => expected.test(text));
      expect(found).toBeDefined();
      return found as string;
    });
    expect(line).not.toMatch(BAD);
  });

  test('each thing that is reported', () => {
    const incidents = new Incidents();
    lines.length = 0;
    incidents.failed('relay', new Error(EVIL));
    incidents.failed('keys', EVIL);
    incidents.startWaits(EVIL);
    incidents.parked([{ pos: EVIL, error: EVIL }]);
    incidents.unknown(EVIL);
    incidents.blocked(1, EVIL);
    incidents.foreignMessage();
    expect(lines).toHaveLength(7);
    expect(lines.filter((line) => BAD.test(line))).toEqual([]);
  });

  test('an error of the host: its message in one line, and its stack', () => {
    const request = { headers: {}, query: {} };
    const error = new Error(`${EVIL}\n    at forged (evil.js:1:1)`);
    const [message, ...frames] = describeWithoutCredentials(error, request).split('\n');
    expect(message).toMatch(/^Error: x .*end +at forged/);
    expect(message).not.toMatch(BAD);
    expect(frames[0]).toMatch(/log-injection\.test\.ts/);
    expect(frames.filter((frame) => !/^\s+at /.test(frame) || BAD.test(frame))).toEqual([]);
    expect(describeWithoutCredentials(EVIL, request)).not.toMatch(BAD);
  });
});
