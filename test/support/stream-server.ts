import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { startCrmApp } from './crm-app.js';

/** A CRM in a process of its own, so that its memory can be measured: over the database of the first argument. */
const crm = await startCrmApp({ url: process.argv[2] as string }, { notifications: { slowClientMs: 600_000 } });

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
