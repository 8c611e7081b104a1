import { expect, test } from '@jest/globals';
import { inProcessBroker } from '../../src/notifications/index.js';
import { useCleanup } from '../support/cleanup.js';
import { accessToken, type CrmApp, createMigratedDatabase, startCrmApp } from '../support/crm-app.js';
import { expectNoDeadlocks } from '../support/deadlocks.js';
import { eventually } from '../support/eventually.js';
import { InboxModel } from '../support/inbox-model.js';
import { inboxRows } from '../support/inbox-rows.js';
import { type Random, seeded } from '../support/random.js';

const WORKERS = 20;
const OPERATIONS = 5_000;
const RECIPIENTS = Array.from({ length: 10 }, (_, index) => `recipient ${index}`);

const cleanup = useCleanup();

/** One of many that send, read, and change what others read and change at the same time. */
class Worker {
  constructor(
    private readonly crm: CrmApp,
    private readonly random: Random,
    /** The highest id seen so far, by recipient. */
    private readonly seen: Map<string, number>,
  ) {}

  async work(operations: number): Promise<void> {
    for (let i = 0; i < operations; i++) await this.operate(this.random.next() * 100);
  }

  private async operate(choice: number): Promise<void> {
    const { random } = this;
    const { notifications } = this.crm;
    const recipient = random.pick(RECIPIENTS);
    if (choice < 20) return await this.notify();
    if (choice < 28) return await this.crm.dataSource.transaction((manager) => this.notify({ manager }));
    if (choice < 38) return await this.notify({ expiresAt: new Date(Date.now() + random.between(50, 1_500)) });
    if (choice < 39) return void (await notifications.broadcast({ type: 'test', title: 'to all' }));
    const change =
      choice < 64
        ? notifications.markRead(recipient, this.ids(recipient))
        : choice < 70
          ? notifications.markRead(recipient, { upTo: random.pick(this.ids(recipient)) })
          : choice < 82
            ? notifications.markUnread(recipient, this.ids(recipient))
            : notifications.remove(recipient, this.ids(recipient));
    const { lastId } = await change;
    this.seen.set(recipient, Math.max(lastId, this.seen.get(recipient) ?? 0));
  }

  private async notify(options: Parameters<CrmApp['notifications']['notify']>[2] = {}): Promise<void> {
    const to = this.random.some(RECIPIENTS, this.random.between(1, 3));
    await this.crm.notifications.notify(to, { type: 'test', title: 'to some' }, options);
  }

  /** Some of the newest, and at times one that isn't there yet. */
  private ids(recipient: string): number[] {
    const last = (this.seen.get(recipient) ?? 0) + 2;
    return Array.from({ length: this.random.between(1, 6) }, () => this.random.between(Math.max(1, last - 60), last));
  }
}

async function start() {
  const database = await createMigratedDatabase();
  cleanup(() => database.drop());
  cleanup(() => expectNoDeadlocks(database));
  const broker = inProcessBroker();
  const apps: CrmApp[] = [];
  for (let i = 0; i < 2; i++) {
    const app = await startCrmApp(database, { notifications: { broker } });
    cleanup(() => app.close());
    apps.push(app);
  }
  return { database, apps };
}

async function connectDevice(app: CrmApp | undefined, recipient: string): Promise<InboxModel> {
  const model = new InboxModel(app?.url ?? '', await accessToken(recipient));
  cleanup(() => model.disconnect());
  await model.connect();
  return model;
}

test('after 5,000 mixed operations by 20 workers every count is that of the rows, on every device too', async () => {
  await seeded(async (random) => {
    const { database, apps } = await start();
    const devices: { recipient: string; model: InboxModel }[] = [];
    for (const [index, recipient] of RECIPIENTS.entries()) {
      devices.push({ recipient, model: await connectDevice(apps[index % 2], recipient) });
      if (index < 2) devices.push({ recipient, model: await connectDevice(apps[(index + 1) % 2], recipient) });
    }

    let working = true;
    const roaming = devices.slice(0, 4).map(async ({ model }) => {
      const own = random.fork();
      while (working) {
        await model.connect(own.pick(apps).url);
        for (let i = own.between(0, 200); i > 0; i--) await new Promise((resolve) => setImmediate(resolve));
      }
    });
    const seen = new Map<string, number>();
    const workers = Array.from({ length: WORKERS }, (_, index) =>
      new Worker(apps[index % 2] as CrmApp, random.fork(), seen).work(OPERATIONS / WORKERS),
    );
    await Promise.all(workers).finally(() => {
      working = false;
    });
    await Promise.all(roaming);

    // The relay has delivered all, and all that may expire is gone.
    await eventually(async () => {
      expect(await database.query('SELECT FROM notifications.outbox')).toEqual([]);
      expect(await database.query('SELECT FROM notifications.inbox_item WHERE expires_at IS NOT NULL')).toEqual([]);
    });
    const inboxes = await inboxRows(database);
    expect(inboxes.map((inbox) => inbox.recipient)).toEqual(RECIPIENTS);
    for (const { recipient, lastId, unread, revision, ids, unreadIds } of inboxes) {
      const numbers = { lastId, unread, revision };
      expect({ recipient, unread }).toEqual({ recipient, unread: unreadIds.length });
      expect(await apps[0]?.notifications.unreadCount(recipient)).toEqual(numbers);
      for (const { model } of devices.filter((device) => device.recipient === recipient)) {
        await eventually(() => expect({ recipient, ...model.numbers }).toEqual({ recipient, ...numbers }));
        await eventually(() => expect(model.isSettled).toBe(true));
        expect({ recipient, ids: model.ids, unread: model.unreadIds }).toEqual({ recipient, ids, unread: unreadIds });
      }
    }
  });
}, 240_000);

test('a change reaches every device as its details: no list is loaded again', async () => {
  const { apps } = await start();
  const [{ notifications }] = apps as [CrmApp, CrmApp];
  const recipient = 'user';
  const devices = [await connectDevice(apps[0], recipient), await connectDevice(apps[1], recipient)];
  const changes = [
    () => notifications.markRead(recipient, [2, 4]),
    () => notifications.markRead(recipient, { upTo: 6 }),
    () => notifications.markUnread(recipient, [1, 5, 8]),
    () => notifications.remove(recipient, [3, 5]),
    () => notifications.markRead(recipient, { upTo: 100 }),
    () => notifications.markUnread(recipient, [6]),
  ];
  const unreadIds = [[1, 3, 5, 6, 7, 8, 9, 10], [7, 8, 9, 10], [1, 5, 7, 8, 9, 10], [1, 7, 8, 9, 10], [], [6]];
  for (let i = 0; i < 10; i++) await notifications.notify(recipient, { type: 'test', title: 'news' });
  for (const device of devices) await eventually(() => expect(device.ids).toHaveLength(10));
  for (const [index, change] of changes.entries()) {
    const { lastId, unread, revision } = await change();
    expect(unread).toBe(unreadIds[index]?.length);
    for (const device of devices) {
      await eventually(() => expect(device.numbers).toEqual({ lastId, unread, revision }));
      expect(device.unreadIds).toEqual(unreadIds[index]);
    }
  }
  // Once, after connecting.
  expect(devices.map(({ reloads, details }) => ({ reloads, details }))).toEqual([
    { reloads: 1, details: changes.length },
    { reloads: 1, details: changes.length },
  ]);
});
