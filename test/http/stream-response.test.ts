import { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { describe, expect, test } from '@jest/globals';
import { keepStreamWhole } from '../../src/notifications/http/stream-response.js';
import { eventually } from '../support/eventually.js';
import { createGate } from '../support/gate.js';
import { holdEverything } from '../support/late-middleware.js';

const LIMITS = { slowClientMs: 30_000, maxPendingBytes: 10 };

describe('a stream whose head is held back', () => {
  test('takes no more than may wait, and says so until the head is sent', async () => {
    const sent: string[] = [];
    const socket = new Writable({
      write: (chunk, _encoding, done) => {
        sent.push(String(chunk));
        done();
      },
    });
    const raw = new ServerResponse(new IncomingMessage(socket as Socket));
    raw.assignSocket(socket as Socket);
    const gate = createGate();
    holdEverything((release) => void gate.opened.then(release))({}, raw, () => {});
    keepStreamWhole(raw, (error) => expect(error).toBeUndefined(), LIMITS);
    let drains = 0;
    raw.on('drain', () => {
      drains += 1;
    });

    raw.writeHead(200, { 'Content-Type': 'text/event-stream' });
    expect(raw.write('1234')).toBe(true);
    expect(raw.writableNeedDrain).toBe(false);
    // In bytes, as they are counted elsewhere.
    expect(raw.write(Buffer.from('好好好'))).toBe(false);
    expect([raw.writableNeedDrain, drains]).toEqual([true, 0]);

    gate.open();
    await eventually(() => expect(drains).toBe(1));
    expect(raw.writableNeedDrain).toBe(false);
    expect(raw.write('9')).toBe(true);
    raw.end();
    await eventually(() => expect(raw.writableFinished).toBe(true));
    expect(sent.join('')).toMatch(/^HTTP\/1\.1 200 OK.*1234.*好好好.*9/s);
  });
});
