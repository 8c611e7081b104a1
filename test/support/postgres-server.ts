import {
  discardEmbeddedPostgres,
  type EmbeddedPostgres,
  type ServerSettings,
  type ShutdownMode,
  startEmbeddedPostgres,
} from '../../src/embedded-postgres/embedded-postgres.js';
import { openHome } from '../../src/embedded-postgres/home-directory.js';
import { newDataDir } from './data-dirs.js';
import { TEST_SETTINGS } from './test-settings.js';

/** A server of a test's own, to be stopped and started at will. Independent of DATABASE_URL. */
export interface PrivatePostgres {
  /** Of the database `postgres`; stays the same across restarts. */
  readonly url: string;
  readonly port: number;
  /** The process id of the running server, for signals; undefined while stopped. */
  readonly pid: number | undefined;
  /** The file that the server prints to, across restarts. */
  readonly log: string;
  /** `fast` ends all sessions and shuts down in order; `immediate` is a crash: the next start recovers. */
  stop(mode: ShutdownMode): Promise<void>;
  /** Starts it again, on the same port. */
  start(): Promise<void>;
  /** Ends it and deletes its data. */
  dispose(): Promise<void>;
}

/** @param packageDir has the programs, of another version. */
export async function startPrivatePostgres(
  settings: ServerSettings = {},
  packageDir?: string,
): Promise<PrivatePostgres> {
  const dataDir = newDataDir();
  const start = (port?: number) =>
    startEmbeddedPostgres({ dataDir, port, packageDir, settings: { ...TEST_SETTINGS, ...settings } });
  const first = await start();
  const { url, port } = first;
  let current: EmbeddedPostgres | undefined = first;

  const stop = async (mode: ShutdownMode) => {
    const stopping = current;
    current = undefined;
    await stopping?.stop(mode);
  };
  return {
    url,
    port,
    log: openHome(dataDir).log,
    get pid() {
      return current?.pid;
    },
    stop,
    start: async () => {
      if (current) throw new Error('The private Postgres runs already; stop() it first');
      current = await start(port);
    },
    dispose: async () => {
      await stop('immediate');
      await discardEmbeddedPostgres(dataDir, { force: true });
    },
  };
}
