import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { useCleanup } from '../support/cleanup.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { spawnTs } from '../support/run-ts.js';
import { skipFor } from '../support/skip-for.js';
import { BROKER_KITS, type BrokerServer } from './broker-kits.js';
import type { Report } from './flooded-instance.js';

jest.setTimeout(120_000);

const CONNECTED = 1_000;
const MIB = 1024 * 1024;
/** What an instance with its streams needs, and half of that again. The flood is as much. */
const HEAP_MIB = 160;

const KITS = BROKER_KITS.filter(({ startServer }) => startServer);
const onEnd = useCleanup();

describe.each(KITS)('A flood on the channel: $name', ({ name, service, found, startServer }) => {
  if (service && !found.binary && !found.url) return skipFor(service, `a flood on ${name}`, found);

  let server: BrokerServer;
  let database: TestDatabase;

  beforeAll(async () => {
    [server, database] = [(await startServer?.()) as BrokerServer, await createMigratedDatabase()];
  });
  afterAll(async () => {
    await database.drop();
    await server.dispose();
  });

  test.each([
    ['beside an instance of the version before, whose messages are believed', true],
    ['from strangers', false],
  ])('takes no memory, shows nothing, and holds up neither notifications nor broadcasts: %s', async (_, isOld) => {
    await database.query('TRUNCATE notifications.instance');
    // Alive for as long as the test takes.
    if (isOld)
      await database.query(`INSERT INTO notifications.instance VALUES (gen_random_uuid(), now() + interval '1 hour')`);
    const instance = await FloodedInstance.start(name, server, database);
    onEnd(() => instance.end());
    const before = await instance.report();
    for (const texts of floods(name === 'postgresBroker' ? 7_900 : 65_000)) {
      await server.sendRaw(`${database.name}.notifications`, ...texts);
    }
    // What is still on its way when the first is asked for is behind it by the second.
    await instance.report();
    const after = await instance.report();
    expect(after.signals).toBe(0);
    expect((after.heapBytes - before.heapBytes) / MIB).toBeLessThan(10);
  });
});

/** About 2 MB of each kind of message that could make an instance work. */
function* floods(bytes: number): Generator<string[]> {
  const count = Math.ceil((2 * MIB) / bytes);
  const times = (text: (i: number) => string, n = count) => Array.from({ length: n }, (_, i) => text(i));
  const hints = (entry: (i: number) => string) => {
    const entries: string[] = [];
    for (let length = 40; length < bytes - 60; length += (entries.at(-1) as string).length + 1) {
      entries.push(entry(entries.length));
    }
    return `{"from":"a flood","hints":[${entries.join(',')}]}`;
  };
  yield times(() => hints(() => '["",null]'));
  yield times((n) => hints((i) => `["tenant ${n} ${i}",null]`));
  yield times(() => hints((i) => `["","user ${i % CONNECTED}"]`));
  yield times(() => hints((i) => `["","user ${i % CONNECTED}",{"revision":1,"removed":[1]}]`));
  yield times(() => hints((i) => `["","user ${i % CONNECTED}",null,{"type":"forged","data":{}}]`));
  yield times(() => hints(() => '["",null,null,{"type":"forged","data":{}}]'));
  yield times(() => '{"from":"a flood","gap":true}', 1_000);
  yield times((i) => `{"from":"a flood","probe":${i}}`, 1_000);
  yield times(() => '['.repeat(bytes));
  yield times(() => `{"from":"a flood","hints":[["","user 1",null,${'{"a":'.repeat(bytes / 8)}`);
  yield times((i) => `{"from":"a flood","gap":true,"n":${i},"at":1,"key":1,"mac":"${'x'.repeat(43)}"}`, 1_000);
  if (bytes > 8_000) yield times(() => 'x'.repeat(900_000), 5);
}

class FloodedInstance {
  private constructor(
    private readonly child: ChildProcess,
    private readonly lines: AsyncIterator<string>,
  ) {}

  static async start(name: string, server: BrokerServer, database: TestDatabase): Promise<FloodedInstance> {
    const child = spawnTs(
      new URL('./flooded-instance.ts', import.meta.url),
      [name, server.urlAt(server.port), database.url, String(CONNECTED)],
      { env: { ...process.env, NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}` } },
    );
    const lines = createInterface({ input: child.stdout as Readable })[Symbol.asyncIterator]();
    const instance = new FloodedInstance(child, lines);
    try {
      expect(await instance.line()).toBe('ready');
    } catch (error) {
      await instance.end();
      throw error;
    }
    return instance;
  }

  async report(): Promise<Report> {
    this.child.stdin?.write('report\n');
    return JSON.parse(await this.line());
  }

  async end(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exit = once(this.child, 'exit');
    this.child.stdin?.end();
    await exit;
  }

  private async line(): Promise<string> {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('The instance has ended.');
    return value;
  }
}
