import pg from 'pg';
import type { TestDatabase } from './database.js';

interface PlanNode {
  'Actual Rows': number;
  'Actual Loops': number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Join Filter'?: number;
  Plans?: PlanNode[];
}

/**
 * Runs a statement and tells how many rows its plan went through: its work, whatever the machine is busy with.
 *
 * @param where a database, or a connection with a transaction that is to see it.
 */
export async function rowsOfPlan(
  where: TestDatabase | pg.Client,
  statement: string,
  values: unknown[],
): Promise<number> {
  const client = 'connect' in where ? where : new pg.Client({ connectionString: where.url });
  if (client !== where) await client.connect();
  try {
    const { rows } = await client.query(`EXPLAIN (ANALYZE, FORMAT JSON) ${statement}`, values);
    return rowsOf(rows[0]['QUERY PLAN'][0].Plan);
  } finally {
    if (client !== where) await client.end();
  }
}

function rowsOf(node: PlanNode): number {
  const each = node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Join Filter'] ?? 0);
  return (node.Plans ?? []).reduce((sum, child) => sum + rowsOf(child), each * node['Actual Loops']);
}
