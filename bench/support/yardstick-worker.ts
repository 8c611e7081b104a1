import pg from 'pg';
import { DataSource, EntitySchema } from 'typeorm';
import type { Notification } from '../../src/notifications/index.js';
import { callAgainAndAgain, callAtRate } from './callers.js';
import { dealNotification } from './deal-notification.js';
import { serve, workerOptions } from './worker.js';
import { INSERT_YARDSTICK, yardstickRow } from './yardstick-table.js';

// What one writes by hand: a row a notification, by TypeORM or by `pg`.
const { postgresUrl } = workerOptions<{ postgresUrl: string }>();

interface YardstickRow extends Notification {
  id?: string;
  recipientId: string;
}

const Yardstick = new EntitySchema<YardstickRow>({
  name: 'yardstick',
  columns: {
    id: { type: 'bigint', primary: true, generated: 'increment' },
    recipientId: { type: 'text', name: 'recipient_id' },
    type: { type: 'text' },
    title: { type: 'text' },
    body: { type: 'text', nullable: true },
    url: { type: 'text', nullable: true },
    data: { type: 'jsonb' },
  },
});

// A connection for each caller at most: nobody waits for one.
const dataSource = new DataSource({ type: 'postgres', url: postgresUrl, entities: [Yardstick], poolSize: 32 });
await dataSource.initialize();
const repository = dataSource.getRepository(Yardstick);
const pool = new pg.Pool({ connectionString: postgresUrl, max: 4 });

const tasks = {
  /** `save()` as fast as it goes. */
  save: async (load: { callers: number; seconds: number; recipients: number }) =>
    await callAgainAndAgain(load, (n) =>
      repository.save({ recipientId: `user ${n % load.recipients}`, ...dealNotification(n) }),
    ),

  /** One INSERT each, committed, at a steady rate. @returns how many milliseconds each took. */
  insertAtRate: async (load: { perSecond: number; seconds: number; recipients: number }) =>
    await callAtRate(load, (n) => {
      const values = yardstickRow(`user ${n % load.recipients}`, dealNotification(n));
      return pool.query({ ...INSERT_YARDSTICK, values });
    }),
};

export type YardstickTasks = typeof tasks;

serve(tasks);
