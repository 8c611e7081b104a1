import { randomUUID } from 'node:crypto';

/**
 * A UUID whose first 48 bits are the time in milliseconds, so that new rows stand together in their index.
 *
 * Made of a random one, because Node draws the randomness of 128 of those at once: asking for 16 bytes each time took a
 * quarter of what Node spends on a `notify()`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9562#name-uuid-version-7
 */
export function uuidV7(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}
