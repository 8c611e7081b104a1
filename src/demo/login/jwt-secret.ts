import { randomBytes } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { Secret } from './secret.entity.js';

const NAME = 'jwt';

/** The secret that logins are signed with: made by the first instance that asks, the same for all, and after restarts. */
export async function jwtSecret(dataSource: DataSource): Promise<string> {
  const secrets = dataSource.getRepository(Secret);
  const value = randomBytes(32).toString('base64url');
  await secrets.createQueryBuilder().insert().values({ name: NAME, value }).orIgnore().execute();
  return (await secrets.findOneByOrFail({ name: NAME })).value;
}
