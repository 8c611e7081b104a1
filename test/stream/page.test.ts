import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { NotificationsDataSource } from '../../src/notifications/inbox/database.js';
import { DirectDelivery } from '../../src/notifications/inbox/direct-delivery.js';
import { PAGE_BYTES } from '../../src/notifications/inbox/inbox.statements.js';
import { InboxStore } from '../../src/notifications/inbox/inbox.store.js';
import { uuidV7 } from '../../src/notifications/uuid-v7.js';
import { createMigratedDatabase } from '../support/crm-app.js';
import type { TestDatabase } from '../support/database.js';
import { anyCharacter, largestNotification } from '../support/largest-notification.js';

/** Field names, ids, times: what `JSON` adds to the texts. */
const FRAME_BYTES = 400;
const LARGEST_BYTES = 300 * 3 + 10_000 * 3 + 2_048 + 16_384 + FRAME_BYTES;

describe('A page of a stream', () => {
  let database: TestDatabase;
  let own: NotificationsDataSource;
  let direct: DirectDelivery;
  let store: InboxStore;

  beforeAll(async () => {
    database = await createMigratedDatabase();
    own = new NotificationsDataSource({ type: 'postgres', url: database.url });
    await own.initialize();
    direct = new DirectDelivery(own);
    store = new InboxStore(own);
  });

  afterAll(async () => {
    await direct.close();
    await own.destroy();
    await database.drop();
  });

  test.each([
    ['texts that Postgres compresses', () => largestNotification()],
    ['texts that it cannot compress', () => largestNotification(anyCharacter)],
    ['only large data, all alike', () => ({ type: 't', title: 'x', data: { payload: 'x'.repeat(16_000) } })],
    ['only titles', () => ({ type: 't', title: '好'.repeat(300) })],
  ])('holds about 64 KiB of what goes over the wire: %s', async (recipient, create) => {
    const message = create();
    await Promise.all(
      Array.from({ length: 120 }, () => direct.deliver({ ...message, id: uuidV7(), recipients: [recipient] })),
    );
    const ids: number[] = [];
    for (let more = true; more; ) {
      const [page] = await store.read([{ tenant: '', recipient, after: ids.at(-1) ?? 0 }], 100);
      if (!page) throw new Error('no inbox');
      const bytes = page.items.reduce((sum, { json }) => sum + Buffer.byteLength(json), 0);
      expect(bytes).toBeLessThan(PAGE_BYTES + LARGEST_BYTES);
      if (page.more) expect(page.items.length === 100 || bytes > PAGE_BYTES / 2).toBe(true);
      ids.push(...page.items.map((item) => item.id));
      more = page.more;
    }
    expect(ids).toEqual(Array.from({ length: 120 }, (_, i) => i + 1));
  });
});
