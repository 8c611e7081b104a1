export const byId = (id) => document.getElementById(id);

/** An element with properties and children; strings become text, never HTML. */
export function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** The address of a link, or null where it could lead to anything but a page: `javascript:` and the like. */
export function safeUrl(url) {
  if (!url || !URL.canParse(url, location.href)) return null;
  const parsed = new URL(url, location.href);
  return ['http:', 'https:'].includes(parsed.protocol) ? parsed : null;
}
