import type { Change } from '../notification.js';
import type { Hint } from './broker.js';

/** What travels between instances: hints, the word that some were lost, or what an instance sent to itself. */
export type BrokerMessage = { from: string } & ({ hints: Hint[] } | { gap: true } | { probe: number });

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

/**
 * @param isSigned false leaves of hints only where to look: signals and details would go on to browsers.
 * @returns null for all that is not exactly what an instance writes.
 */
export function decodeMessage(text: string, isSigned: boolean): BrokerMessage | null {
  let message: unknown;
  try {
    message = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isObject(message) || typeof message.from !== 'string') return null;
  const { from, gap, probe, hints } = message;
  if (gap === true) return { from, gap };
  if (typeof probe === 'number') return { from, probe };
  if (!Array.isArray(hints)) return null;
  const decoded: Hint[] = [];
  for (const entry of hints) {
    if (!isEntry(entry)) return null;
    const [tenant, recipient, change = null, signal] = entry;
    if (signal !== undefined && !isSigned) continue;
    const hint: Hint = { tenant };
    if (recipient !== null) hint.recipient = recipient;
    if (change !== null && isSigned) hint.change = change;
    if (signal !== undefined) hint.signal = JSON.stringify(signal);
    decoded.push(hint);
  }
  return { from, hints: decoded };
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

type Entry = [tenant: string, recipient: string | null, change?: Change | null, signal?: object];

/** Signals and changes go on to browsers. */
function isEntry(entry: unknown): entry is Entry {
  if (!Array.isArray(entry)) return false;
  const [tenant, recipient, change = null, signal] = entry as unknown[];
  return (
    typeof tenant === 'string' &&
    (recipient === null || typeof recipient === 'string') &&
    (change === null || isChange(change)) &&
    (signal === undefined || isSignal(signal))
  );
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
