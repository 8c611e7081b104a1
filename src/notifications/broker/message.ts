import type { Change } from '../notification.js';
import type { Hint } from './broker.js';

/** What travels between instances: hints, the word that some were lost, or what an instance sent to itself. */
export type BrokerMessage = { hints: Hint[] } | { gap: true } | { probe: number };

/** Details of a change larger than this stay behind; the hint alone goes. */
const MAX_DETAILS = 4_096;

/**
 * Writes hints as JSON messages, each of at most `maxBytes`.
 *
 * @param sender marks them, so that it can pass over its own.
 * @returns `left`: a hint didn't fit even alone. A signal that doesn't is dropped.
 */
export function encodeHints(
  sender: string,
  hints: Iterable<Hint>,
  maxBytes: number,
): { messages: string[]; left: boolean } {
  const messages: string[] = [];
  const overhead = Buffer.byteLength(messageOf(sender, []));
  let left = false;
  let entries: string[] = [];
  let bytes = overhead;
  const flush = () => {
    if (entries.length > 0) messages.push(messageOf(sender, entries));
    entries = [];
    bytes = overhead;
  };
  for (const hint of hints) {
    const entry = encodeEntry(hint);
    const size = Buffer.byteLength(entry) + 1;
    if (overhead + size > maxBytes) {
      left ||= hint.signal === undefined;
      continue;
    }
    if (bytes + size > maxBytes) flush();
    entries.push(entry);
    bytes += size;
  }
  flush();
  return { messages, left };
}

/** Writes that hints were lost: receivers look at everything. */
export function encodeGap(sender: string): string {
  return JSON.stringify({ from: sender, gap: true });
}

/** Writes what only the sender itself reads. */
export function encodeProbe(sender: string, probe: number): string {
  return JSON.stringify({ from: sender, probe });
}

/** @returns null for hints of one's own, and for all that is not exactly what an instance writes. */
export function decodeMessage(self: string, text: string): BrokerMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(message) || typeof message.from !== 'string') return null;
  const { from, gap, probe, hints } = message;
  if (from === self) return typeof probe === 'number' ? { probe } : null;
  if (gap === true) return { gap };
  if (!Array.isArray(hints)) return null;
  const decoded = hints.map(decodeEntry).filter((hint) => hint !== null);
  return decoded.length === hints.length ? { hints: decoded } : null;
}

function messageOf(sender: string, entries: string[]): string {
  return `{"from":${JSON.stringify(sender)},"hints":[${entries.join(',')}]}`;
}

/** `[tenant, recipient or null, change or null, signal]`; what is missing at the end is left out. */
function encodeEntry({ tenant, recipient, change, signal }: Hint): string {
  const place = `[${JSON.stringify(tenant)},${JSON.stringify(recipient ?? null)}`;
  // It is JSON already; as a string in JSON it could be twice as long.
  if (signal !== undefined) return `${place},null,${signal}]`;
  if (!change) return `${place}]`;
  const details = JSON.stringify(change);
  return details.length > MAX_DETAILS ? `${place}]` : `${place},${details}]`;
}

/** Checks it: signals and changes go on to browsers. */
function decodeEntry(entry: unknown): Hint | null {
  if (!Array.isArray(entry)) return null;
  const [tenant, recipient, change = null, signal] = entry as unknown[];
  if (typeof tenant !== 'string' || (recipient !== null && typeof recipient !== 'string')) return null;
  if (change !== null && !isChange(change)) return null;
  if (signal !== undefined && !isSignal(signal)) return null;
  const hint: Hint = { tenant };
  if (recipient !== null) hint.recipient = recipient;
  if (change !== null) hint.change = change;
  if (signal !== undefined) hint.signal = JSON.stringify(signal);
  return hint;
}

function isChange(value: unknown): value is Change {
  if (!isObject(value) || Object.keys(value).length !== 2 || !isId(value.revision)) return false;
  const { read, readUpTo, unreadIds, removed } = value;
  return isId(readUpTo) || [read, unreadIds, removed].some((ids) => Array.isArray(ids) && ids.every(isId));
}

function isSignal(value: unknown): boolean {
  return isObject(value) && typeof value.type === 'string' && isObject(value.data);
}

function isId(value: unknown): boolean {
  return Number.isSafeInteger(value);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
