import type { MigrationInterface, QueryRunner } from 'typeorm';
import { signMessages } from './migration.broker-keys.js';
import { addOutboxLine } from './migration.outbox-line.js';
import { addUnreadMarks } from './migration.unread-marks.js';
import { quoteSchema } from './schema-name.js';

/** A TypeORM migration class: its name ends in the timestamp that orders it. */
export type MigrationClass = new () => MigrationInterface;

/** The module's migrations, oldest first, built for the given schema. */
export function createMigrations(schema: string): MigrationClass[] {
  const s = quoteSchema(schema);
  return [createTables(s), countConnections(s), signMessages(s), addOutboxLine(s), ...addUnreadMarks(s)];
}

function createTables(s: string): MigrationClass {
  return class CreateNotificationTables1767225600000 implements MigrationInterface {
    // Explicit: a minifier may rename the class, never this.
    readonly name = 'CreateNotificationTables1767225600000';

    async up(runner: QueryRunner): Promise<void> {
      // The limits are constraints too, because programs that write plain SQL pass no TypeScript. They are literals: this
      // migration makes the same tables in every version, and a test compares them with LIMITS. Those on data are wider:
      // Postgres prints JSON with spaces after commas and colons. STORAGE EXTERNAL keeps text uncompressed, so that
      // pg_column_size() tells a page's bytes without fetching them.
      await runner.query(`
        CREATE TABLE ${s}.message (
          id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
          tenant_id text COLLATE "C" NOT NULL DEFAULT '' CHECK (char_length(tenant_id) <= 255),
          type text NOT NULL CHECK (char_length(type) BETWEEN 1 AND 100),
          title text NOT NULL CHECK (char_length(title) BETWEEN 1 AND 300),
          body text CHECK (char_length(body) <= 10000),
          url text CHECK (char_length(url) <= 2048 AND url !~ '[\\x01-\\x1f\\x7f]'
            AND url ~* '^(https?://[^/\\\\]|/$|/[^/\\\\])'),
          data jsonb NOT NULL DEFAULT '{}'
            CHECK (jsonb_typeof(data) = 'object' AND octet_length(data::text) <= 32768),
          idempotency_key text CHECK (char_length(idempotency_key) BETWEEN 1 AND 255),
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz
        )`);
      await runner.query(`
        ALTER TABLE ${s}.message ALTER body SET STORAGE EXTERNAL, ALTER url SET STORAGE EXTERNAL,
          ALTER data SET STORAGE EXTERNAL`);
      await runner.query(`
        CREATE UNIQUE INDEX message_idempotency_key ON ${s}.message (tenant_id, idempotency_key)
          WHERE idempotency_key IS NOT NULL`);
      await runner.query(`CREATE INDEX message_created_at ON ${s}.message (created_at)`);

      await runner.query(`
        CREATE TABLE ${s}.inbox (
          tenant_id text COLLATE "C" NOT NULL DEFAULT '' CHECK (char_length(tenant_id) <= 255),
          recipient_id text COLLATE "C" NOT NULL CHECK (char_length(recipient_id) BETWEEN 1 AND 255),
          last_id bigint NOT NULL DEFAULT 0,
          unread int NOT NULL DEFAULT 0 CHECK (unread >= 0),
          read_up_to bigint NOT NULL DEFAULT 0,
          revision bigint NOT NULL DEFAULT 0,
          broadcast_position bigint NOT NULL,
          streams_valid_from timestamptz,
          PRIMARY KEY (tenant_id, recipient_id)
        ) WITH (fillfactor = 50)`);

      await runner.query(`
        CREATE TABLE ${s}.inbox_item (
          tenant_id text COLLATE "C" NOT NULL DEFAULT '',
          recipient_id text COLLATE "C" NOT NULL,
          id bigint NOT NULL,
          message_id uuid NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          expires_at timestamptz,
          read_at timestamptz,
          PRIMARY KEY (tenant_id, recipient_id, id)
        ) WITH (fillfactor = 90)`);
      await runner.query(`CREATE INDEX inbox_item_created_at ON ${s}.inbox_item (created_at)`);
      await runner.query(`
        CREATE INDEX inbox_item_expires_at ON ${s}.inbox_item (expires_at) WHERE expires_at IS NOT NULL`);

      await runner.query(`
        CREATE TABLE ${s}.broadcast_counter (
          tenant_id text COLLATE "C" PRIMARY KEY,
          position bigint NOT NULL DEFAULT 0
        )`);
      await runner.query(`
        CREATE TABLE ${s}.broadcast (
          tenant_id text COLLATE "C" NOT NULL DEFAULT '',
          position bigint NOT NULL,
          message_id uuid NOT NULL,
          created_at timestamptz NOT NULL DEFAULT now(),
          PRIMARY KEY (tenant_id, position)
        )`);
      await runner.query(`CREATE INDEX broadcast_created_at ON ${s}.broadcast (created_at)`);

      // A kilobyte of numbers like 1e131071 is half a gigabyte as text, more than the relay could read: it would never
      // get past that row. 128 MiB are more than 100,000 recipients with the longest ids take. Uncompressed, so that
      // pg_column_size() bounds what one read brings.
      await runner.query(`
        CREATE TABLE ${s}.outbox (
          pos bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          created_at timestamptz NOT NULL DEFAULT now(),
          deliver_at timestamptz,
          payload jsonb NOT NULL CONSTRAINT outbox_payload_size CHECK (octet_length(payload::text)
            <= least(134217728, 65536 + 8 * pg_column_size(jsonb_build_array(payload)))),
          attempts smallint NOT NULL DEFAULT 0,
          last_error text
        )`);
      await runner.query(`ALTER TABLE ${s}.outbox ALTER payload SET STORAGE EXTERNAL`);
      await runner.query(`
        CREATE INDEX outbox_ready ON ${s}.outbox (pos) WHERE deliver_at IS NULL AND attempts < 5`);
      await runner.query(
        `CREATE INDEX outbox_deliver_at ON ${s}.outbox (deliver_at, pos) WHERE deliver_at IS NOT NULL`,
      );
    }

    async down(runner: QueryRunner): Promise<void> {
      for (const table of ['outbox', 'broadcast', 'broadcast_counter', 'inbox_item', 'inbox', 'message']) {
        await runner.query(`DROP TABLE ${s}.${table}`);
      }
    }
  };
}

function countConnections(s: string): MigrationClass {
  return class CountConnections1767312000000 implements MigrationInterface {
    readonly name = 'CountConnections1767312000000';

    async up(runner: QueryRunner): Promise<void> {
      // Unlogged: after a crash of Postgres every instance tells its numbers anew.
      await runner.query(`
        CREATE UNLOGGED TABLE ${s}.instance (id uuid PRIMARY KEY, seen_at timestamptz NOT NULL DEFAULT now())`);
      await runner.query(`
        CREATE UNLOGGED TABLE ${s}.connection_count (
          instance_id uuid NOT NULL,
          tenant_id text COLLATE "C" NOT NULL,
          recipient_id text COLLATE "C" NOT NULL,
          connections int NOT NULL,
          PRIMARY KEY (tenant_id, recipient_id, instance_id)
        )`);
      await runner.query(`CREATE INDEX connection_count_instance ON ${s}.connection_count (instance_id)`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`DROP TABLE ${s}.connection_count`);
      await runner.query(`DROP TABLE ${s}.instance`);
    }
  };
}
