import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { MigrationClass } from './migrations.js';

/**
 * Rows of the outbox that can't be delivered leave the line until `retry_at`, and a large message keeps its place in the
 * line while it is delivered, some recipients at a time.
 */
export function addOutboxLine(s: string): MigrationClass {
  return class AddOutboxLine1796040000000 implements MigrationInterface {
    readonly name = 'AddOutboxLine1796040000000';

    async up(runner: QueryRunner): Promise<void> {
      // ready_at: when a scheduled row became due. message_id: the message that the row has begun to deliver; progress: to
      // how many of its recipients.
      await runner.query(`
        ALTER TABLE ${s}.outbox ADD COLUMN ready_at timestamptz, ADD COLUMN retry_at timestamptz,
          ADD COLUMN message_id uuid, ADD COLUMN progress int NOT NULL DEFAULT 0`);
      // A row that is begun has deliver_at = 'infinity': an instance of the version before, which would take it for a
      // duplicate, doesn't see it.
      await runner.query(`DROP INDEX ${s}.outbox_ready`);
      await runner.query(`
        CREATE INDEX outbox_ready ON ${s}.outbox (pos)
          WHERE attempts < 5 AND retry_at IS NULL AND (deliver_at IS NULL OR message_id IS NOT NULL)`);
      await runner.query(`
        CREATE INDEX outbox_retry_at ON ${s}.outbox (attempts, retry_at, pos) WHERE attempts < 5 AND retry_at IS NOT NULL`);
      await runner.query(`
        CREATE INDEX outbox_message_id ON ${s}.outbox (message_id) WHERE message_id IS NOT NULL`);
    }

    async down(runner: QueryRunner): Promise<void> {
      // The version before knows the rest of a large message that is begun as a later part of it.
      await runner.query(`
        UPDATE ${s}.outbox o SET deliver_at = NULL, payload = o.payload || jsonb_build_object(
          'id', o.message_id, 'continues', true, 'recipients', (
            SELECT jsonb_agg(recipient ORDER BY first) FROM (
              SELECT recipient, min(ord) AS first
              FROM jsonb_array_elements_text(o.payload -> 'recipients') WITH ORDINALITY r(recipient, ord)
              GROUP BY recipient ORDER BY 2 OFFSET o.progress) r))
        WHERE o.message_id IS NOT NULL`);
      for (const index of ['outbox_message_id', 'outbox_retry_at', 'outbox_ready']) {
        await runner.query(`DROP INDEX ${s}.${index}`);
      }
      await runner.query(`CREATE INDEX outbox_ready ON ${s}.outbox (pos) WHERE deliver_at IS NULL AND attempts < 5`);
      await runner.query(`
        ALTER TABLE ${s}.outbox DROP COLUMN progress, DROP COLUMN message_id, DROP COLUMN retry_at,
          DROP COLUMN ready_at`);
    }
  };
}
