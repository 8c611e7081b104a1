import type { MigrationInterface, QueryRunner } from 'typeorm';
import type { MigrationClass } from './migrations.js';

/**
 * What a recipient marks as unread far below the watermark gets a mark (see `IS_READ`), instead of a `read_at` for each of
 * the notifications between. One migration for each table, and so one lock at a time: other statements lock the two in
 * another order.
 */
export function addUnreadMarks(s: string): MigrationClass[] {
  class AddUnreadMarkOfInbox1796050000000 implements MigrationInterface {
    readonly name = 'AddUnreadMarkOfInbox1796050000000';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`
        ALTER TABLE ${s}.inbox ADD COLUMN unread_mark bigint, ADD COLUMN unread_mark_revision bigint`);
    }

    async down(runner: QueryRunner): Promise<void> {
      // Without the marks those notifications are read.
      await runner.query(`
        UPDATE ${s}.inbox i SET revision = i.revision + 1, unread = (
          SELECT count(*) FROM ${s}.inbox_item t
          WHERE t.tenant_id = i.tenant_id AND t.recipient_id = i.recipient_id
            AND t.id > i.read_up_to AND t.read_at IS NULL)
        WHERE i.unread_mark IS NOT NULL`);
      await runner.query(`ALTER TABLE ${s}.inbox DROP COLUMN unread_mark, DROP COLUMN unread_mark_revision`);
    }
  }

  class AddUnreadMarkOfItem1796050000001 implements MigrationInterface {
    readonly name = 'AddUnreadMarkOfItem1796050000001';

    async up(runner: QueryRunner): Promise<void> {
      await runner.query(`ALTER TABLE ${s}.inbox_item ADD COLUMN unread_mark bigint`);
    }

    async down(runner: QueryRunner): Promise<void> {
      await runner.query(`ALTER TABLE ${s}.inbox_item DROP COLUMN unread_mark`);
    }
  }

  return [AddUnreadMarkOfInbox1796050000000, AddUnreadMarkOfItem1796050000001];
}
