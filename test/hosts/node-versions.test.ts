import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect, test } from '@jest/globals';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, createMigratedDatabase } from '../support/crm-app.js';
import { spawnTs } from '../support/run-ts.js';
import { skipWithout } from '../support/skip-for.js';
import { StreamClient } from '../support/stream-client.js';
import { describeWithPackages } from './support/describe-with-packages.js';
import type { InstalledPackages } from './support/installed-packages.js';

const HOST = new URL('./support/small-host.ts', import.meta.url);

const onEnd = useCleanup();

function nodeOf(packages: InstalledPackages, name: string): string {
  return join(packages.directory, 'node_modules', name, 'bin/node');
}

if (process.platform === 'linux' && process.arch === 'x64') {
  await describeWithPackages('node-versions', 'The versions of Node.js', (packages) => {
    test.each([
      ['node-20', '20.19.0'],
      ['node-22', '22.23.5'],
      ['node-24', '24.22.3'],
    ])(
      '%s: a host from its start to its end',
      async (name, version) => {
        const database = await createMigratedDatabase();
        onEnd(() => database.drop());
        const host = spawnTs(HOST, [], {
          node: nodeOf(packages, name),
          env: { ...process.env, DATABASE_URL: database.url },
        });
        onEnd(() => host.kill('SIGKILL'));
        const ended = once(host, 'exit');
        const [line] = await Promise.race([
          once(createInterface(host.stdout as Readable), 'line'),
          ended.then((how) => Promise.reject(new Error(`The host has ended before its first line: ${how}`))),
        ]);
        const [actual, url] = line.split(' ');
        expect(actual).toBe(version);

        const token = await accessToken('ann');
        const stream = await StreamClient.open(url, token);
        const send = async (path: string, title: string) => {
          const response = await fetch(`${url}/${path}`, {
            method: 'POST',
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify({ to: 'ann', title }),
          });
          return await response.json();
        };
        expect(await send('send', 'by itself')).toMatchObject({ status: 'delivered' });
        expect(await send('send-in-transaction', 'in a transaction')).toMatchObject({ status: 'queued' });
        await stream.until(() => stream.of('message').length === 2);
        expect(stream.of('message').map((frame) => frame.data.title)).toEqual(['by itself', 'in a transaction']);
        const list = await fetch(`${url}/notifications`, { headers: { authorization: `Bearer ${token}` } });
        expect(await list.json()).toMatchObject({ items: [{ id: 2 }, { id: 1 }], unread: 2 });

        host.kill('SIGTERM');
        await stream.until(() => stream.of('close').length === 1);
        stream.close();
        expect(await ended).toEqual([null, 'SIGTERM']);
      },
      120_000,
    );

    test('Node.js 20.18 is refused in a sentence', async () => {
      const host = spawnTs(HOST, [], { node: nodeOf(packages, 'node-20-18'), stdio: ['ignore', 'ignore', 'pipe'] });
      const [error, [code]] = await Promise.all([text(host.stderr as Readable), once(host, 'exit')]);
      expect(code).toBe(1);
      expect(error).toContain('nestjs-crm-notifications needs Node.js 20.19 or later, and this is 20.18.3.');
    }, 60_000);
  });
} else {
  skipWithout('no Node.js of other versions for this platform', 'The versions of Node.js');
}
