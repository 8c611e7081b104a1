import { notificationsSchema, postgresUrl } from './src/demo/database/postgres.js';
import { NotificationsDataSource } from './src/notifications/index.js';

// A promise, because the embedded Postgres has to be started first; it ends with the process. The demo doesn't import
// this file: it takes the same two functions and hands them to its own modules.
/** The DataSource of the notifications for TypeORM's command line: `npm run migration:run`, `:revert`, `:show`. */
export default (async () =>
  new NotificationsDataSource({ type: 'postgres', url: await postgresUrl() }, { schema: notificationsSchema() }))();
