import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { MigrationClass } from './migrations.js';

/** The keys that instances sign their messages with, and which instances do. */
export function signMessages(s: string): MigrationClass {
  return class SignMessages1767405600000 implements MigrationInterface {
    readonly name = 'SignMessages1767405600000';

    async up(runner: QueryRunner): Promise<void> {
      // Random by gen_random_uuid(), which is a part of Postgres: 366 bits of it. The default makes a new key by
      // INSERT … DEFAULT VALUES.
      await runner.query(`
        CREATE TABLE ${s}.broker_key (
          id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
          secret bytea NOT NULL
            DEFAULT sha256(convert_to(concat(gen_random_uuid(), gen_random_uuid(), gen_random_uuid()), 'UTF8'))
            CHECK (octet_length(secret) >= 32),
          created_at timestamptz NOT NULL DEFAULT now()
        )`);
      await runner.query(`INSERT INTO ${s}.broker_key DEFAULT VALUES`);
      // Null: an instance of the version before, which doesn't sign. 1: it signs.
      await runner.query(`ALTER TABLE ${s}.instance ADD COLUMN protocol smallint`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`ALTER TABLE ${s}.instance DROP COLUMN protocol`);
      await runner.query(`DROP TABLE ${s}.broker_key`);
    }
  };
}
