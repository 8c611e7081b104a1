import pg from 'pg';
import { type PrivatePostgres, startPrivatePostgres } from '../../test/support/postgres-server.js';
import { issueRunToken } from '../../test/support/run-token.js';

let running: PrivatePostgres | undefined;

/** The Postgres of a measurement, started once for all scenarios: with fsync, as in production. */
export async function benchPostgres(): Promise<PrivatePostgres> {
  if (!running) {
    issueRunToken();
    running = await startPrivatePostgres({ fsync: 'on' });
  }
  return running;
}

export async function endBenchPostgres(): Promise<void> {
  await running?.dispose();
  running = undefined;
}

/** Transactions of a database so far; a statement outside of a transaction is one. */
export async function countTransactions(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      'SELECT xact_commit::int AS n FROM pg_stat_database WHERE datname = current_database()',
    );
    return rows[0].n;
  } finally {
    await client.end();
  }
}

export async function postgresVersion(): Promise<{ postgres: string }> {
  const client = new pg.Client({ connectionString: (await benchPostgres()).url });
  await client.connect();
  try {
    const { rows } = await client.query('SHOW server_version');
    return { postgres: rows[0].server_version };
  } finally {
    await client.end();
  }
}
