import fc from 'fast-check';
import { NotificationsError } from '../../../src/notifications/notifications.error.js';
import { checkPayload, LIMITS, type Payload } from '../../../src/notifications/payload.js';
import { expect } from '../expect.js';
import { json, mutated, spoiled, storable, storableJson, text } from '../foreign.js';
import { pureTarget } from '../target.js';

const KEYS = [
  'kind',
  'id',
  'tenant',
  'recipients',
  'type',
  'title',
  'body',
  'url',
  'data',
  'idempotencyKey',
  'expiresAt',
];

const id = fc.string({ minLength: 1, maxLength: 12 });
const url = fc.oneof(
  fc.constantFrom(
    '/deals/7',
    'https://crm.example/a?b=c#d',
    'HTTP://x',
    '/',
    '//evil',
    '/\\evil',
    'javascript:alert(1)',
    'https://',
  ),
  fc.webUrl(),
  mutated(fc.constantFrom('https://crm.example/', '/deals')),
);
const instant = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.constantFrom(
    '2030-02-30T00:00:00Z',
    '0000-01-01T00:00:00Z',
    '9999-12-31T23:59:59-23:59',
    '2030-01-31T09:00+24:00',
  ),
  mutated(fc.constant('2030-01-31T09:00:00Z')),
);

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 });

const good = fc.record(
  {
    recipients: fc.array(name, { minLength: 1, maxLength: 4 }),
    type: storable({ minLength: 1, maxLength: 20 }),
    title: storable({ minLength: 1, maxLength: 20 }),
    tenant: fc.string({ unit: 'grapheme', maxLength: 6 }),
    body: fc.oneof(storable(), fc.constant(null)),
    url: fc.oneof(fc.webUrl(), fc.constantFrom('/', '/deals/7', 'https://crm.example/a?b=c#d', 'HTTP://x', null)),
    data: fc.dictionary(storable({ maxLength: 10 }), storableJson, { maxKeys: 5 }),
    idempotencyKey: fc.oneof(storable({ minLength: 1, maxLength: 2 }), fc.constant(null)),
    expiresAt: fc.constantFrom(
      '2030-01-31T09:00:00Z',
      '2999-12-31T23:59:59.123456789+05:30',
      '2020-01-01T00:00Z',
      null,
    ),
    id: fc.uuid(),
  },
  { requiredKeys: ['recipients', 'type', 'title'] },
);

/** Fields that may be what they should be, or nearly. */
const doubtful = fc.record(
  {
    recipients: fc.array(id, { minLength: 1, maxLength: 4 }),
    type: fc.string({ minLength: 1, maxLength: 20 }),
    title: fc.oneof(text(), fc.string({ unit: 'grapheme', minLength: 299, maxLength: 301 })),
    tenant: text(),
    body: text(),
    url,
    data: fc.dictionary(text(10), json(), { maxKeys: 5 }),
    idempotencyKey: text(),
    expiresAt: instant,
    id: fc.oneof(fc.uuid(), mutated(fc.uuid())),
  },
  { requiredKeys: ['recipients', 'type', 'title'] },
);

/** Two of three are valid. */
export const payload: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 4, arbitrary: good },
  { weight: 1, arbitrary: spoiled(good) },
  { weight: 1, arbitrary: doubtful },
);

/** What checkPayload() says of it; undefined if it refuses it, as it should: with a reason. */
export function accepted(value: unknown): Payload | undefined {
  try {
    checkPayload(value);
    return value;
  } catch (error) {
    if (!(error instanceof NotificationsError) || error.code !== 'INVALID_ARGUMENT') throw error;
    expect(error.message.length > 0 && error.message.length < 1_000, 'a short reason');
    return undefined;
  }
}

/** Anything at all, as the text of a row. */
export const payloadText = fc.oneof(
  { weight: 4, arbitrary: payload.map((value) => JSON.stringify(value)) },
  { weight: 3, arbitrary: mutated(payload.map((value) => JSON.stringify(value))) },
  { weight: 1, arbitrary: json(KEYS).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: text() },
);

export const payloadTarget = pureTarget(
  'outbox payload',
  1_500,
  fc.property(payloadText, (given) => {
    let value: unknown;
    try {
      value = JSON.parse(given);
    } catch {
      return;
    }
    const payload = accepted(value);
    if (!payload) return;
    const copy = JSON.stringify(payload);
    // What was checked is what is sent: it passes again, and is the same.
    expect(JSON.stringify(accepted(JSON.parse(copy))) === copy, 'accepted once, accepted again');
    const { type, title, tenant = '', data = {} } = payload;
    for (const [name, string, min, max] of [
      ['type', type, 1, LIMITS.type],
      ['title', title, 1, LIMITS.title],
      ['tenant', tenant, 0, LIMITS.id],
    ] as const) {
      const length = [...string].length;
      expect(length >= min && length <= max && isStorable(string), `${name} within its limits`);
    }
    expect(Buffer.byteLength(JSON.stringify(data)) <= LIMITS.dataBytes && isStorable(...stringsIn(data)), 'data');
    if (payload.kind !== 'broadcast') {
      expect(payload.recipients.length > 0, 'recipients');
      for (const recipient of payload.recipients) expect(recipient.length > 0 && isStorable(recipient), 'recipient');
    }
    if (payload.url) expect(/^(https?:)?\/(?!\/[/\\])/i.test(payload.url) && !/^\/[/\\]/.test(payload.url), 'url');
  }),
);

function isStorable(...strings: string[]): boolean {
  return strings.every((string) => string.isWellFormed() && !string.includes('\0'));
}

function stringsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  return typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, member]) => [key, ...stringsIn(member)])
    : [];
}
