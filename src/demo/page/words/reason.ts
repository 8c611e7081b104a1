import type { Words } from './words.js';

/** Why something failed: what the server said, or that there was no answer; browsers tell that in English only. */
export function reasonOf(error: unknown, words: Words): string {
  if (error instanceof TypeError) return words.app.unreachable;
  return words.app.refused(error instanceof Error ? error.message : String(error));
}
