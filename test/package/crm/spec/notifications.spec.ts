import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { NotificationService, NotificationsError } from 'nestjs-crm-notifications';
import { AppModule } from '../src/app.module.js';
import { DealsService } from '../src/deals.service.js';

let app: INestApplication;

beforeAll(async () => {
  const testing = await Test.createTestingModule({ imports: [AppModule] }).compile();
  app = testing.createNestApplication();
  await app.listen(0, '127.0.0.1');
});

afterAll(async () => {
  await app.close();
});

test('a reminder is in the inbox of the owner', async () => {
  const deals = app.get(DealsService);
  await deals.assign('tested', 'tester');
  expect(await deals.remind('tested')).toMatchObject({ status: 'delivered' });
  const { items } = await app.get(NotificationService).list('tester');
  const expected = { type: 'deal.assigned', title: 'tested is waiting', data: { dealId: 'tested' } };
  // Before or after what the transaction sent: there is no order between that and a direct call.
  expect(items).toContainEqual(expect.objectContaining(expected));
});

test('a notification that breaks a limit is refused by an error that is a NotificationsError', async () => {
  const refused = app.get(DealsService).announce('x'.repeat(301));
  await expect(refused).rejects.toBeInstanceOf(NotificationsError);
});
