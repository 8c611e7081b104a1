import { randomInt } from 'node:crypto';
import type { Notification } from '../../src/notifications/index.js';

/** As large as the limits of docs/wire-format.md allow, and in characters of three bytes where text is free. */
export function largestNotification(character: () => string = () => '好'): Notification & { title: string } {
  const text = (length: number) => Array.from({ length }, character).join('');
  const frame = JSON.stringify({ payload: '' }).length;
  return {
    type: 'x'.repeat(100),
    title: text(300),
    body: text(10_000),
    url: `/${'u'.repeat(2_047)}`,
    data: { payload: text(Math.floor((16_384 - frame) / 3)) },
  };
}

/** For text that Postgres can't compress. */
export function anyCharacter(): string {
  return String.fromCharCode(randomInt(0x4e00, 0x9fff));
}
