import { randomBytes } from 'node:crypto';
import pg from 'pg';

/** A database for one run, empty, dropped after it. @param use is given its URL and the channel of its brokers. */
export async function withDatabase<T>(
  serverUrl: string,
  use: (url: string, channel: string) => Promise<T>,
): Promise<T> {
  const name = `bench_${randomBytes(4).toString('hex')}`;
  const admin = new pg.Client({ connectionString: serverUrl });
  await admin.connect();
  try {
    await admin.query(`CREATE DATABASE ${name}`);
    const url = new URL(serverUrl);
    url.pathname = `/${name}`;
    return await use(url.href, `${name}.notifications`);
  } finally {
    await admin.query(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    await admin.end();
  }
}
