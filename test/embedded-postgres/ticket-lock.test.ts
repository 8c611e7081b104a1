import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { TicketLock } from '../../src/embedded-postgres/ticket-lock.js';
import { spawnTs } from '../support/run-ts.js';

const PROGRAM = new URL('./contend-for-lock.ts', import.meta.url);

let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'ncn-test-lock-'));
});

afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

test('one holder at a time, among processes of which some die while holding it', async () => {
  const journal = join(directory, 'journal');
  const lock = join(directory, 'lock');
  const contenders = ['finish', 'finish', 'die', 'die', 'die'].map((end) => spawnTs(PROGRAM, [lock, journal, end]));
  await Promise.all(contenders.map((child) => once(child, 'exit')));

  const entries = readFileSync(journal, 'utf8').trimEnd().split('\n');
  expect(entries.filter((entry) => entry.startsWith('died'))).toHaveLength(3);
  expect(entries.filter((entry) => entry.startsWith('left')).length).toBeGreaterThanOrEqual(200);
  let inside: string | undefined;
  for (const entry of entries) {
    const [what, pid] = entry.split(' ');
    expect({ entry, inside }).toEqual({ entry, inside: what === 'entered' ? undefined : pid });
    inside = what === 'entered' ? pid : undefined;
  }
  expect(readdirSync(lock)).toHaveLength(1);
});

test('a held lock makes others wait until their time is up, and names the holder', async () => {
  const held = await new TicketLock(directory).acquire(0);
  await expect(new TicketLock(directory).acquire(50)).rejects.toThrow(`process ${process.pid} still holds it`);
  held.release();
  (await new TicketLock(directory).acquire(0)).release();
});
