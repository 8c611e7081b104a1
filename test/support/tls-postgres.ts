import { chown, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { eventually } from './eventually.js';
import { startPrivatePostgres } from './postgres-server.js';
import { selfSignedCertificate } from './self-signed-certificate.js';

/** A server that takes TLS alone, and a password from everybody but its superuser. */
export interface TlsPostgres {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The certificate that clients must trust, and the file that has it. */
  readonly ca: string;
  readonly caFile: string;
  /** As superuser, over TLS. */
  query<Row extends pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<Row[]>;
  dispose(): Promise<void>;
}

export async function startTlsPostgres(): Promise<TlsPostgres> {
  const server = await startPrivatePostgres();
  const directory = await mkdtemp(join(tmpdir(), 'ncn-test-tls-'));
  const admin = new pg.Pool({ connectionString: server.url, ssl: { rejectUnauthorized: false }, max: 1 });
  admin.on('error', () => {});
  const [user, password] = ['crm', 'a pass%word'];
  const { key, cert } = selfSignedCertificate();
  const caFile = join(directory, 'ca.pem');
  try {
    await writeFile(caFile, cert);
    const plain = new pg.Client(server.url);
    await plain.connect();
    const { rows } = await plain.query('SHOW data_directory');
    const cluster: string = rows[0].data_directory;
    const { uid, gid } = await stat(cluster);
    const hba = 'hostssl all postgres 127.0.0.1/32 trust\nhostssl all all 127.0.0.1/32 scram-sha-256\n';
    for (const [name, content] of Object.entries({ 'server.key': key, 'server.crt': cert, 'pg_hba.conf': hba })) {
      await writeFile(join(cluster, name), content, { mode: 0o600 });
      await chown(join(cluster, name), uid, gid);
    }
    await plain.query(`CREATE ROLE ${user} LOGIN PASSWORD '${password}'`);
    await plain.query(`CREATE DATABASE crm OWNER ${user}`);
    await plain.query('ALTER SYSTEM SET ssl = on');
    await plain.query('SELECT pg_reload_conf()');
    await plain.end();
    await eventually(async () => void (await admin.query('SELECT 1')));
  } catch (error) {
    await server.dispose();
    throw error;
  }
  return {
    host: '127.0.0.1',
    port: server.port,
    user,
    password,
    ca: cert,
    caFile,
    query: async <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
      (await admin.query<Row>(sql, values)).rows,
    dispose: async () => {
      await admin.end();
      await server.dispose();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
