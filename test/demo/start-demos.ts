import { afterAll, afterEach, beforeAll } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { Colleague } from './colleague.js';
import { DemoProcess } from './demo-process.js';

/** Instances of the demo over one database, for the tests of a file. */
export interface Demos {
  readonly first: DemoProcess;
  readonly second: DemoProcess;
  readonly database: TestDatabase;
  /** Logs in, and out after the test. @param at the first instance unless given. */
  logIn(user: string, at?: DemoProcess): Promise<Colleague>;
}

/** Starts so many instances before all tests, and ends them after. */
export function startDemos({
  instances = 1,
  env = {},
}: {
  instances?: 1 | 2;
  env?: Record<string, string>;
} = {}): Demos {
  const open: Colleague[] = [];
  let processes: DemoProcess[] = [];
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createTestDatabase();
    const start = () => DemoProcess.start({ DATABASE_URL: database.url, ...env });
    processes = await Promise.all(Array.from({ length: instances }, start));
  });

  afterEach(() => {
    for (const colleague of open.splice(0)) colleague.close();
  });

  afterAll(async () => {
    await Promise.all(processes.map((demo) => demo.end()));
    await database.drop();
  });

  return {
    get first() {
      return processes[0] as DemoProcess;
    },
    get second() {
      return processes[1] as DemoProcess;
    },
    get database() {
      return database;
    },
    async logIn(user, at = processes[0] as DemoProcess) {
      const colleague = await Colleague.open(at.url, user);
      open.push(colleague);
      return colleague;
    },
  };
}
