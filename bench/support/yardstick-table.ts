import type { Notification } from '../../src/notifications/index.js';

/** The table that one writes by hand: a row a notification, with the three indexes that reading it takes. */
export const YARDSTICK_TABLE = `
  CREATE TABLE yardstick (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    recipient_id text NOT NULL,
    type text NOT NULL,
    title text NOT NULL,
    body text,
    url text,
    data jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    read_at timestamptz
  );
  CREATE INDEX yardstick_recipient ON yardstick (recipient_id, id);
  CREATE INDEX yardstick_created_at ON yardstick (created_at)`;

export const INSERT_YARDSTICK = {
  name: 'insert_yardstick',
  text: 'INSERT INTO yardstick (recipient_id, type, title, body, url, data) VALUES ($1, $2, $3, $4, $5, $6)',
};

export function yardstickRow(recipient: string, { type, title, body, url, data }: Notification): unknown[] {
  return [recipient, type, title, body, url, data];
}
