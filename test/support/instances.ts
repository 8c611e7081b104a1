import { expect } from '@jest/globals';
import { accessToken, type CrmApp, type CrmAppOptions, startCrmApp } from './crm-app.js';
import { eventually } from './eventually.js';
import { StreamClient } from './stream-client.js';

/** A sweep that never comes: what arrives on another instance was carried by the broker. */
export const NO_SWEEP = { sweepMs: 3_600_000 };

/** Instances of one application over one database, each of which hears all others. */
export async function startInstances(
  database: { url: string },
  count: number,
  notifications: CrmAppOptions['notifications'] = {},
  dataSource: CrmAppOptions['dataSource'] = {},
): Promise<CrmApp[]> {
  const start = () => startCrmApp(database, { notifications, dataSource });
  const instances = await Promise.all(Array.from({ length: count }, start));
  await hearEachOther(instances);
  return instances;
}

/** Resolves once what any instance sends reaches all others: brokers connect after the start. */
export async function hearEachOther(instances: readonly CrmApp[]): Promise<void> {
  const recipient = 'hears the others';
  const token = await accessToken(recipient);
  const listeners = await Promise.all(instances.map((crm) => StreamClient.open(crm.url, token)));
  await eventually(() => {
    for (const [i, crm] of instances.entries()) crm.notifications.signal(recipient, `from ${i}`);
    for (const listener of listeners) {
      const heard = new Set(listener.of('signal').map((frame) => frame.data.type));
      expect(heard.size).toBe(instances.length);
    }
  });
  for (const listener of listeners) listener.close();
  await eventually(() => {
    for (const crm of instances) expect(crm.notifications.connections(recipient)).toBe(0);
  });
}
