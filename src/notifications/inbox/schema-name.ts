/** What a schema of the module may be called. Also read by people: it is quoted in error messages. */
export const SCHEMA_RULE =
  'a Postgres name of at most 63 lower-case letters, digits and underscores; pg_… and information_schema are taken by Postgres itself';

export function isSchemaName(value: unknown): value is string {
  return (
    typeof value === 'string' &&
    /^[a-z_][a-z0-9_]{0,62}$/.test(value) &&
    !value.startsWith('pg_') &&
    value !== 'information_schema'
  );
}

/** As it stands in statements: it may be a word of SQL, such as `user`. */
export function quoteSchema(name: string): string {
  return `"${name}"`;
}
