import type * as library from '../../src/notifications/index.js';

/** What the public entry of this library exports. */
export type Library = typeof library;

/** The URL of the public entry that is measured by default: this checkout's. */
export const THIS_CHECKOUT: string = new URL('../../src/notifications/index.ts', import.meta.url).href;

/** @param entry the URL of a public entry, of this checkout or of another commit's copy. */
export async function importLibrary(entry: string): Promise<Library> {
  return await import(entry);
}
