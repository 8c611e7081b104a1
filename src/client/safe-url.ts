const PATH = /^\/(?![/\\])/;
const ABSOLUTE = /^https?:\/\/[^/\\]/i;
// Browsers drop tabs and line breaks before they read a URL.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;

/**
 * Where a click on a notification may lead: http(s), or a path of this site. The server checks it with the same rule; a
 * page that trusts no server checks it again, because a link to `javascript:` runs.
 *
 * @returns the url as it is, or null.
 */
export function safeUrl(url: unknown): string | null {
  if (typeof url !== 'string' || CONTROL.test(url)) return null;
  return PATH.test(url) || ABSOLUTE.test(url) ? url : null;
}
