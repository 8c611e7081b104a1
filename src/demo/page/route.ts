/** What the address asks for. */
export type Route =
  | { view: 'deals'; dealId: number | null }
  | { view: 'approvals'; approvalId: number | null }
  | { view: 'contacts' };

export function readRoute(hash: string): Route {
  const [, noun, id] = /^#(deal|approval)-(\d{1,9})$/.exec(hash) ?? [];
  if (noun === 'deal') return { view: 'deals', dealId: Number(id) };
  if (noun === 'approval') return { view: 'approvals', approvalId: Number(id) };
  if (hash === '#approvals') return { view: 'approvals', approvalId: null };
  if (hash === '#contacts') return { view: 'contacts' };
  return { view: 'deals', dealId: null };
}

/** The address of a view, for whoever is logged in here: it can be opened in another tab, too. */
export function linkTo(hash: string): string {
  return `/${location.search}${hash}`;
}

/** A link of the CRM as it is to be opened in another tab: by who is logged in here. */
export function inThisLogin(url: string | null): string | null {
  return url?.startsWith('/#') ? linkTo(url.slice(1)) : url;
}

/** Follows a link without leaving the page. @returns false for one that leads elsewhere. */
export function follow(url: string | null): boolean {
  if (url === null) return false;
  const { origin, pathname, hash } = new URL(url, location.href);
  if (origin !== location.origin || pathname !== '/') return false;
  location.hash = hash;
  return true;
}

/** A link that is safe to show, whoever wrote it; null for one that would run as a script. */
export function safeLink(url: string | null): string | null {
  if (url === null) return null;
  return /^https?:$/.test(new URL(url, location.href).protocol) ? url : null;
}
