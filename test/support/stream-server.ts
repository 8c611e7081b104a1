import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { NotificationsOptions } from '../../src/notifications/index.js';
import { startCrmApp } from './crm-app.js';

/** A CRM in a process of its own, so that its memory can be measured: over the database and with the `streamWriter` given. */
const [url, streamWriter] = process.argv.slice(2) as [string, NotificationsOptions['streamWriter']];
const crm = await startCrmApp({ url }, { notifications: { streamWriter, slowClientMs: 600_000 } });

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

process.on('message', async (message) => {
  if (message === 'memory') {
    // What is left is held by something.
    collectGarbage();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send?.({ rss, heapUsed, external, connections: crm.notifications.connections() });
  } else {
    await crm.close();
    process.disconnect();
  }
});
process.send?.({ url: crm.url });
