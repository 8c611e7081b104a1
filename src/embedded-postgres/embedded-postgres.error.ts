/** A failure to prepare, start or stop the embedded Postgres. The message says what failed, why, and the remedy. */
export class EmbeddedPostgresError extends Error {
  override readonly name = 'EmbeddedPostgresError';
}
