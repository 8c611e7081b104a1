// A script without a browser's types: marks all as read, then prints each title that arrives, until there were two.
import { EventSource } from 'eventsource';
import { createInbox } from 'nestjs-crm-notifications/client';

const [url = '', token = ''] = process.argv.slice(2);
const inbox = createInbox({ url, token: () => token, eventSource: EventSource });
const titles: string[] = [];

inbox.on('notification', ({ title }) => {
  titles.push(title);
  console.log(title);
  if (titles.length === 2) inbox.close();
});
const unsubscribe = inbox.subscribe(({ status, unread }) => {
  if (status !== 'live') return;
  unsubscribe();
  console.log(`live, ${unread} unread`);
  void inbox.markRead('all');
});
