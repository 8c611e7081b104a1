import { afterEach, describe, expect, jest, test } from '@jest/globals';
import pg from 'pg';
import { withAdmin } from './admin.js';
import { createTestDatabase, templateDatabase } from './database.js';
import { dropDatabase } from './database-names.js';

const clients: pg.Client[] = [];

afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.end()));
});

async function connect(url: string, applicationName: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, application_name: applicationName });
  client.on('error', () => {});
  clients.push(client);
  await client.connect();
  return client;
}

async function run(url: string, sql: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(sql);
  await client.end();
}

async function databases(pattern: string): Promise<string[]> {
  const { rows } = await withAdmin((admin) =>
    admin.query('SELECT datname FROM pg_database WHERE datname ~ $1', [pattern]),
  );
  return rows.map(({ datname }) => datname);
}

describe('a test database', () => {
  test('is empty, its own, and gone after drop()', async () => {
    const [first, second] = await Promise.all([createTestDatabase(), createTestDatabase()]);
    await first.query('CREATE TABLE mine (id int)');
    await expect(second.query('SELECT * FROM mine')).rejects.toThrow('relation "mine" does not exist');
    expect(await first.query('SELECT current_database() AS name, $1::int AS given', [42])).toEqual([
      { name: first.name, given: 42 },
    ]);
    expect(first.name).toMatch(new RegExp(`^ncn_test_${process.pid}_`));

    await Promise.all([first.drop(), second.drop()]);
    expect(await databases(`^(${first.name}|${second.name})$`)).toEqual([]);
  });

  test('reports leaked connections, and is dropped all the same', async () => {
    const database = await createTestDatabase();
    const leaked = await connect(database.url, 'leaky pool');
    await leaked.query('SELECT 42\n  AS answer');
    await expect(database.drop()).rejects.toThrow(
      /1 connections to .* were left open(.|\n)*'leaky pool', idle for \d+\.\d s, last query: SELECT 42 AS answer/,
    );
    expect(await databases(database.name)).toEqual([]);
  });

  test('gives connections that are just closing the time to do so', async () => {
    const database = await createTestDatabase();
    const closing = await connect(database.url, 'closing');
    setTimeout(() => closing.end(), 300);
    await database.drop();
  });
});

describe('a template', () => {
  test('is prepared once, whoever comes first, and copied', async () => {
    const prepare = jest.fn(async (url: string) => run(url, 'CREATE TABLE prepared AS SELECT 42 AS answer'));
    await Promise.all([1, 2, 3, 4].map(() => templateDatabase('once', prepare)));
    expect(prepare).toHaveBeenCalledTimes(1);

    const copies = await Promise.all([1, 2].map(() => createTestDatabase({ template: 'once' })));
    for (const copy of copies) {
      expect(await copy.query('SELECT * FROM prepared')).toEqual([{ answer: 42 }]);
      await copy.drop();
    }
  });

  test('whose preparation fails leaves nothing, and is prepared by the next', async () => {
    // Other test files create databases at the same time.
    const ours = `^ncn_test_(${process.pid}_|template_.*_failing$)`;
    expect(await databases(ours)).toEqual([]);
    const failing = templateDatabase('failing', async () => {
      throw new Error('no such migration');
    });
    await expect(failing).rejects.toThrow('no such migration');
    expect(await databases(ours)).toEqual([]);

    await templateDatabase('failing', (url) => run(url, 'CREATE TABLE prepared ()'));
    await (await createTestDatabase({ template: 'failing' })).drop();
  });

  test('must not be left connected', async () => {
    const leaking = templateDatabase('leaking', async (url) => {
      await connect(url, 'leaky preparation');
    });
    await expect(leaking).rejects.toThrow(/left 1 connections open(.|\n)*'leaky preparation'/);
  });

  test('has a short name', async () => {
    await expect(templateDatabase('x"; DROP', async () => {})).rejects.toThrow('must be a short word');
    await expect(templateDatabase('x'.repeat(60), async () => {})).rejects.toThrow('must be a short word');
  });
});

test('databases of others are never dropped', async () => {
  for (const name of ['postgres', 'ncn_test', 'ncn_test_production', 'my_ncn_test_1_x_']) {
    await expect(withAdmin((admin) => dropDatabase(admin, name))).rejects.toThrow('not ours to drop');
  }
});
