import type { InboxNumbers } from '../notification.js';

/** An inbox as it is read for its streams: numbers and items of one moment. */
export interface StreamPage {
  numbers: InboxNumbers;
  /** When `disconnect()` was last called, in microseconds by the database's clock; 0 if never. */
  streamsValidFrom: number;
  /** There are broadcasts that this inbox has not got yet. */
  behind: boolean;
  /** Ascending by id, nothing left out; empty where no id was given to read after. */
  items: StreamItem[];
  /** There may be more after these. */
  more: boolean;
}

export interface StreamItem {
  id: number;
  /** An `InboxNotification` as JSON, built once for every connection. */
  json: string;
}

/** The numbers of an inbox, as `NUMBERS` in SQL. */
export interface NumbersRow {
  last_id: string;
  unread: number;
  revision: string;
}

/** What a message says. */
export interface Content {
  type: string;
  title: string;
  body?: string | null;
  url?: string | null;
  /** JSON, as Postgres prints it. */
  data: string;
}

export function numbersOf(row: NumbersRow): InboxNumbers {
  return { lastId: Number(row.last_id), unread: Number(row.unread), revision: Number(row.revision) };
}

/** A page with no items yet. */
export function pageOf(row: NumbersRow & { streams_valid_from: string; behind?: boolean }): StreamPage {
  const { behind = false } = row;
  return { numbers: numbersOf(row), streamsValidFrom: Number(row.streams_valid_from), behind, items: [], more: false };
}

/** An `InboxNotification`; what it says is built once for all inboxes that it is in. */
export function itemJson(id: number, item: { created_at: string; read: boolean }, content: string): string {
  return `{"id":${id},${content},"createdAt":"${item.created_at}","read":${item.read}}`;
}

/** What a message says, as members of a JSON object; without parsing and printing `data`, where nobody looks into it. */
export function contentJson({ type, title, body = null, url = null, data }: Content): string {
  return `${JSON.stringify({ type, title, body, url }).slice(1, -1)},"data":${data}`;
}
