import type { InboxKey } from '../notification.js';
import type { NotificationsDataSource } from './database.js';

/**
 * Those of the inboxes that another transaction has locked. Waits for none of them; an inbox that a transaction has just
 * made is not seen.
 */
export async function findLockedInboxes(
  database: NotificationsDataSource,
  inboxes: readonly InboxKey[],
): Promise<InboxKey[]> {
  if (inboxes.length === 0) return [];
  const s = database.quotedSchema;
  const text = `
    WITH given AS (SELECT DISTINCT * FROM unnest($1::text[], $2::text[]) u(tenant_id, recipient_id)),
    free AS MATERIALIZED (
      SELECT i.tenant_id, i.recipient_id FROM given JOIN ${s}.inbox i USING (tenant_id, recipient_id)
      FOR NO KEY UPDATE OF i SKIP LOCKED)
    SELECT i.tenant_id AS tenant, i.recipient_id AS recipient
    FROM given JOIN ${s}.inbox i USING (tenant_id, recipient_id)
    LEFT JOIN free f USING (tenant_id, recipient_id) WHERE f.recipient_id IS NULL`;
  return await database.run<InboxKey>({ name: 'find_locked_inboxes', text }, [
    inboxes.map((inbox) => inbox.tenant),
    inboxes.map((inbox) => inbox.recipient),
  ]);
}
