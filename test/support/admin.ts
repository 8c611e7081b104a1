import pg from 'pg';

/** Set by the global setup, inherited by the workers. */
export const ADMIN_URL_VARIABLE = 'NCN_TEST_ADMIN_URL';

function adminUrl(): string {
  const url = process.env[ADMIN_URL_VARIABLE];
  if (!url)
    throw new Error(`${ADMIN_URL_VARIABLE} is missing: this must run in Jest, after test/support/global-setup.ts`);
  return url;
}

/** A connection to the run's server for as long as `use` takes. */
export async function withAdmin<T>(use: (admin: pg.Client) => Promise<T>): Promise<T> {
  const admin = new pg.Client({ connectionString: adminUrl(), application_name: 'ncn test support' });
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.end();
  }
}

/** The URL of another database on the run's server. */
export function urlOf(database: string): string {
  const url = new URL(adminUrl());
  url.pathname = `/${encodeURIComponent(database)}`;
  return url.href;
}
