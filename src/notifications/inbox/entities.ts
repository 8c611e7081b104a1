import { EntitySchema, type EntitySchemaColumnOptions } from 'typeorm';

/** A row of `message`: what was sent, once, whatever the number of its recipients. */
export interface MessageRow {
  id: string;
  tenantId: string;
  type: string;
  title: string;
  body: string | null;
  url: string | null;
  data: object;
  idempotencyKey: string | null;
  createdAt: Date;
  expiresAt: Date | null;
}

/** A row of `inbox`: a recipient's counters. Its lock orders everything that happens in the inbox. */
export interface InboxRow {
  tenantId: string;
  recipientId: string;
  lastId: string;
  unread: number;
  readUpTo: string;
  revision: string;
  broadcastPosition: string;
  streamsValidFrom: Date | null;
  unreadMark: string | null;
  unreadMarkRevision: string | null;
}

/** A row of `inbox_item`: one notification of one recipient. */
export interface InboxItemRow {
  tenantId: string;
  recipientId: string;
  id: string;
  messageId: string;
  createdAt: Date;
  expiresAt: Date | null;
  readAt: Date | null;
  unreadMark: string | null;
}

/** A row of `broadcast_counter`: how many broadcasts a tenant has had. */
export interface BroadcastCounterRow {
  tenantId: string;
  position: string;
}

/** A row of `broadcast`: one message to everybody of a tenant. */
export interface BroadcastRow {
  tenantId: string;
  position: string;
  messageId: string;
  createdAt: Date;
}

/** A row of `outbox`: what the relay has still to deliver. */
export interface OutboxRow {
  pos: string;
  createdAt: Date;
  deliverAt: Date | null;
  payload: unknown;
  attempts: number;
  lastError: string | null;
  /** When a scheduled row became due. */
  readyAt: Date | null;
  /** When a row that was set aside is tried again. */
  retryAt: Date | null;
  /** The message that this row has begun to deliver, and to how many of its recipients. */
  messageId: string | null;
  progress: number;
}

const column = (name: string, type: EntitySchemaColumnOptions['type'], options: object = {}) =>
  ({ name, type, ...options }) as EntitySchemaColumnOptions;
const key = { primary: true };
const nullable = { nullable: true };
const defaultNow = { default: () => 'now()' };

/** The module's tables in the given schema. The migrations make them; TypeORM never synchronizes them. */
export function createEntities(schema: string) {
  const table = <Row>(name: string, columns: Record<keyof Row & string, EntitySchemaColumnOptions>) =>
    new EntitySchema<Row>({ name, tableName: name, schema, columns: columns as never, synchronize: false });

  return {
    message: table<MessageRow>('message', {
      id: column('id', 'uuid', key),
      tenantId: column('tenant_id', 'text', { default: '' }),
      type: column('type', 'text'),
      title: column('title', 'text'),
      body: column('body', 'text', nullable),
      url: column('url', 'text', nullable),
      data: column('data', 'jsonb', { default: {} }),
      idempotencyKey: column('idempotency_key', 'text', nullable),
      createdAt: column('created_at', 'timestamptz', defaultNow),
      expiresAt: column('expires_at', 'timestamptz', nullable),
    }),
    inbox: table<InboxRow>('inbox', {
      tenantId: column('tenant_id', 'text', key),
      recipientId: column('recipient_id', 'text', key),
      lastId: column('last_id', 'bigint', { default: 0 }),
      unread: column('unread', 'int', { default: 0 }),
      readUpTo: column('read_up_to', 'bigint', { default: 0 }),
      revision: column('revision', 'bigint', { default: 0 }),
      broadcastPosition: column('broadcast_position', 'bigint'),
      streamsValidFrom: column('streams_valid_from', 'timestamptz', nullable),
      unreadMark: column('unread_mark', 'bigint', nullable),
      unreadMarkRevision: column('unread_mark_revision', 'bigint', nullable),
    }),
    inboxItem: table<InboxItemRow>('inbox_item', {
      tenantId: column('tenant_id', 'text', key),
      recipientId: column('recipient_id', 'text', key),
      id: column('id', 'bigint', key),
      messageId: column('message_id', 'uuid'),
      createdAt: column('created_at', 'timestamptz', defaultNow),
      expiresAt: column('expires_at', 'timestamptz', nullable),
      readAt: column('read_at', 'timestamptz', nullable),
      unreadMark: column('unread_mark', 'bigint', nullable),
    }),
    broadcastCounter: table<BroadcastCounterRow>('broadcast_counter', {
      tenantId: column('tenant_id', 'text', key),
      position: column('position', 'bigint', { default: 0 }),
    }),
    broadcast: table<BroadcastRow>('broadcast', {
      tenantId: column('tenant_id', 'text', key),
      position: column('position', 'bigint', key),
      messageId: column('message_id', 'uuid'),
      createdAt: column('created_at', 'timestamptz', defaultNow),
    }),
    outbox: table<OutboxRow>('outbox', {
      pos: column('pos', 'bigint', { primary: true, generated: 'identity', generatedIdentity: 'ALWAYS' }),
      createdAt: column('created_at', 'timestamptz', defaultNow),
      deliverAt: column('deliver_at', 'timestamptz', nullable),
      payload: column('payload', 'jsonb'),
      attempts: column('attempts', 'smallint', { default: 0 }),
      lastError: column('last_error', 'text', nullable),
      readyAt: column('ready_at', 'timestamptz', nullable),
      retryAt: column('retry_at', 'timestamptz', nullable),
      messageId: column('message_id', 'uuid', nullable),
      progress: column('progress', 'int', { default: 0 }),
    }),
  };
}
