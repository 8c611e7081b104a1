import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { NotificationService, NotificationsModule } from '../../src/notifications/index.js';

// A host that works until it is killed. Arguments: the database's URL, a name, the recipients.
// Says `ready`, then a line `acknowledged <title>` for each direct notification that was delivered.
const [url = '', name = '', ...recipients] = process.argv.slice(2);
const WORKERS = 4;

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'postgres', url, poolSize: WORKERS }),
    NotificationsModule.forRoot({ controllers: false, autoMigrate: false }),
  ],
})
class WriterModule {}

const app = await NestFactory.createApplicationContext(WriterModule, { logger: ['error'] });
const dataSource = app.get(DataSource);
const notifications = app.get(NotificationService);
let counter = 0;

const pick = () => recipients[Math.floor(Math.random() * recipients.length)] as string;

/** Notes in `ledger`, in the same transaction, what it sends. One in ten rolls back. */
async function transact(): Promise<void> {
  await dataSource
    .transaction(async (manager) => {
      for (let i = Math.ceil(Math.random() * 4); i > 0; i -= 1) {
        const recipient = pick();
        const title = `transaction ${name}.${counter++}`;
        await manager.query('INSERT INTO ledger (recipient, title) VALUES ($1, $2)', [recipient, title]);
        await notifications.notify(recipient, { type: 't', title }, { manager });
      }
      if (Math.random() < 0.1) throw new Error('rolled back');
    })
    .catch((error: Error) => {
      if (error.message !== 'rolled back') throw error;
    });
}

async function direct(): Promise<void> {
  const title = `direct ${name}.${counter++}`;
  await notifications.notify(pick(), { type: 't', title });
  process.stdout.write(`acknowledged ${title}\n`);
}

process.stdout.write('ready\n');
await Promise.all(
  Array.from({ length: WORKERS }, async () => {
    for (;;) await (Math.random() < 0.5 ? transact() : direct());
  }),
);
