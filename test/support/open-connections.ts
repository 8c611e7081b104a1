import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';

interface OpenConnection {
  pid: number;
  application_name: string;
  state: string | null;
  query: string;
  /** How long it has been in its state. */
  seconds: number;
}

/** A closed connection is still listed until its server process has ended. */
const GRACE_MS = 2_000;
const INTERVAL_MS = 20;

/** The connections to the database that remain open after a short grace. */
export async function openConnections(admin: pg.Client, database: string): Promise<OpenConnection[]> {
  const deadline = performance.now() + GRACE_MS;
  for (;;) {
    const { rows } = await admin.query<OpenConnection>(
      `SELECT pid, application_name, state, query, extract(epoch FROM clock_timestamp() - state_change)::float8 AS seconds
       FROM pg_stat_activity
       WHERE datname = $1 AND backend_type = 'client backend' ORDER BY backend_start`,
      [database],
    );
    if (rows.length === 0 || performance.now() >= deadline) return rows;
    await sleep(INTERVAL_MS);
  }
}

export function describeConnections(connections: readonly OpenConnection[]): string {
  return connections
    .map(({ pid, application_name, state, query, seconds }) => {
      const lastQuery = query.replaceAll(/\s+/g, ' ').trim();
      return `  pid ${pid}, application_name '${application_name}', ${state} for ${seconds.toFixed(1)} s, last query: ${lastQuery || '(none)'}`;
    })
    .join('\n');
}
