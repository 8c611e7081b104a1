import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import type { Hint } from '../../../src/notifications/broker/broker.js';
import { decodeMessage, encodeGap, encodeHints, encodeProbe } from '../../../src/notifications/broker/message.js';
import { expect } from '../expect.js';
import { json, mutated, text } from '../foreign.js';
import { pureTarget } from '../target.js';

const SELF = 'self';
const OTHER = 'other';
const MAX_BYTES = 7_999;

const id = fc.integer({ min: 0, max: 10 ** 15 });
const ids = fc.array(id, { maxLength: 5 });
const change = fc
  .tuple(
    id,
    fc.oneof(
      ids.map((read) => ({ read })),
      id.map((readUpTo) => ({ readUpTo })),
      ids.map((removed) => ({ removed })),
    ),
  )
  .map(([revision, details]) => ({ revision, ...details }));
const signal = fc.record({ type: fc.string({ minLength: 1 }), data: fc.dictionary(fc.string(), json()) });
const hint: fc.Arbitrary<Hint> = fc.oneof(
  fc.record({ tenant: fc.string() }),
  fc.record({ tenant: fc.string(), recipient: fc.string({ minLength: 1 }) }),
  fc.record({ tenant: fc.string(), recipient: fc.string({ minLength: 1 }), change }),
  fc.record({ tenant: fc.string(), recipient: fc.string(), signal: signal.map((value) => JSON.stringify(value)) }),
);
const hints = fc.array(hint, { minLength: 1, maxLength: 6 });

const message = fc.oneof(
  hints.map((given) => encodeHints(OTHER, given, MAX_BYTES).messages[0] ?? ''),
  fc.constant(encodeGap(OTHER)),
  fc.nat().map((probe) => encodeProbe(SELF, probe)),
);

const foreign = fc.oneof(
  { weight: 5, arbitrary: mutated(message) },
  {
    weight: 2,
    arbitrary: fc.record({ from: fc.constant(OTHER), hints: fc.array(json()) }).map((value) => JSON.stringify(value)),
  },
  { weight: 1, arbitrary: json(['from', 'hints', 'gap', 'probe']).map((value) => JSON.stringify(value)) },
  { weight: 1, arbitrary: text() },
);

export const brokerTarget = pureTarget(
  'broker message',
  1_000,
  fc.property(hints, foreign, (given, bytes) => {
    const { messages } = encodeHints(OTHER, given, MAX_BYTES);
    for (const each of messages) expect(Buffer.byteLength(each) <= MAX_BYTES, 'as long as the transport takes');
    const decoded = messages.flatMap((each) => hintsOf(each));
    expect(isDeepStrictEqual(decoded, JSON.parse(JSON.stringify(given))), 'what is sent arrives', given, decoded);
    // Of an unsigned message only the place to look is taken.
    for (const each of messages.flatMap((one) => hintsOf(one, false))) {
      expect(
        Object.keys(each).every((name) => name === 'tenant' || name === 'recipient'),
        'unsigned',
        each,
      );
    }
    for (const isSigned of [true, false]) for (const each of hintsOf(bytes, isSigned)) expectHint(each);
  }),
);

function hintsOf(bytes: string, isSigned = true): Hint[] {
  const decoded = decodeMessage(bytes, isSigned);
  if (decoded === null) return [];
  expect(typeof decoded.from === 'string', 'a sender');
  if ('gap' in decoded) expect(decoded.gap === true, 'a gap');
  else if ('probe' in decoded) expect(typeof decoded.probe === 'number', 'a probe');
  else return decoded.hints;
  return [];
}

/** Of the right form, whatever it was made of: signals and changes go on to browsers. */
function expectHint({ tenant, recipient, change, signal, ...more }: Hint): void {
  expect(typeof tenant === 'string', 'tenant', tenant);
  expect(recipient === undefined || typeof recipient === 'string', 'recipient', recipient);
  expect(Object.keys(more).length === 0, 'nothing else', more);
  if (signal !== undefined) {
    const parsed: unknown = JSON.parse(signal);
    expect(typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed), 'signal', signal);
    const { type, data } = parsed as Record<string, unknown>;
    expect(typeof type === 'string' && typeof data === 'object' && data !== null, 'type and data of a signal', signal);
    expect(!/[\r\n]/.test(signal), 'one line', signal);
  }
  if (change !== undefined) {
    const { revision, ...details } = change;
    const [values, ...others] = Object.values(details).map((value) => (Array.isArray(value) ? value : [value]));
    expect(Number.isSafeInteger(revision) && others.length === 0, 'change', change);
    expect(
      (values ?? [null]).every((value) => Number.isSafeInteger(value)),
      'ids of a change',
      change,
    );
    const [name] = Object.keys(details);
    expect(['read', 'readUpTo', 'unreadIds', 'removed'].includes(name ?? ''), 'kind of a change', change);
    expect(Array.isArray(Object.values(details)[0]) === (name !== 'readUpTo'), 'form of a change', change);
  }
}
