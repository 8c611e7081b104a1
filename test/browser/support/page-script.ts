import { createInbox, type Inbox, type InboxStatus } from '../../../src/client/index.js';

/** What the page of `client-host.ts` has for tests. */
interface CrmPage {
  inbox: Inbox;
  /** Notifications that this tab was told of, in their order. */
  readonly arrived: { id: number; title: string; toast: boolean }[];
  readonly signals: unknown[];
  /** The types of the stream's events. */
  readonly events: string[];
  /** Codes of error events. */
  readonly errors: string[];
  /** Every status that it has gone through. */
  readonly statuses: InboxStatus[];
  /** Every unread count that it has shown. */
  readonly badges: number[];
  /** Event streams that this tab has at this moment. */
  readonly streams: number;
  start(user: string): void;
}

const sources: EventSource[] = [];
window.EventSource = class extends EventSource {
  constructor(url: string | URL, init?: EventSourceInit) {
    super(url, init);
    sources.push(this);
  }
};

const page: CrmPage = {
  inbox: undefined as unknown as Inbox,
  arrived: [],
  signals: [],
  events: [],
  errors: [],
  statuses: [],
  badges: [],
  get streams() {
    return sources.filter(({ readyState }) => readyState !== EventSource.CLOSED).length;
  },
  start: (user) => {
    const inbox = createInbox({ url: '/notifications', user, token: () => session(user) });
    page.inbox = inbox;
    inbox.on('notification', ({ id, title }, { toast }) => page.arrived.push({ id, title, toast }));
    inbox.on('signal', (signal) => page.signals.push(signal));
    inbox.on('frame', ({ event }) => page.events.push(event));
    inbox.on('error', ({ code }) => page.errors.push(code));
    inbox.subscribe(({ status, unread }) => {
      if (page.statuses.at(-1) !== status) page.statuses.push(status);
      if (page.badges.at(-1) !== unread) page.badges.push(unread);
    });
  },
};

/** The user's access token, as the host's pages get it; none when the session is over. */
async function session(user: string): Promise<string> {
  const response = await fetch(`/session/${user}`);
  return response.ok ? await response.text() : '';
}

declare global {
  // What a script of a test sees in the page.
  var crm: CrmPage;
}
globalThis.crm = page;

const user = new URLSearchParams(location.search).get('user');
if (user) page.start(user);
