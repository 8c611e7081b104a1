import { NotificationBell, type NotificationOpenEvent } from '../../../src/client/element/index.js';
import { InboxError, type InboxNotification } from '../../../src/client/index.js';
import { FakeInbox } from './fake-inbox.js';

/** What the page of `bell-page.ts` has for tests. */
interface BellTest {
  readonly inbox: FakeInbox;
  readonly bell: NotificationBell;
  /** Ids of the notifications that `notification-open` told of. */
  readonly openings: number[];
  /** Whether a router takes them. */
  takesOpenings: boolean;
  /** What the live region has said, each change of it. */
  readonly said: string[];
  /** How often the element has rendered. */
  renderings: number;
  readonly streams: { readonly url: string; closed: boolean }[];
  unreachable(): InboxError;
  notification(id: number, rest?: Partial<InboxNotification>): InboxNotification;
  notifications(count: number, rest?: Partial<InboxNotification>): InboxNotification[];
}

declare global {
  var bells: BellTest;
}

const streams: BellTest['streams'] = [];
window.EventSource = class extends EventTarget {
  readonly stream: { url: string; closed: boolean };
  readonly readyState = 1;

  constructor(url: string) {
    super();
    this.stream = { url, closed: false };
    streams.push(this.stream);
  }

  close(): void {
    this.stream.closed = true;
  }
} as unknown as typeof EventSource;

class CountingBell extends NotificationBell {
  protected override render() {
    if (globalThis.bells) globalThis.bells.renderings++;
    return super.render();
  }
}
if (!customElements.get('counting-bell')) customElements.define('counting-bell', CountingBell);

const bell = document.querySelector<NotificationBell>('notification-bell, counting-bell') as NotificationBell;
const inbox = new FakeInbox();
globalThis.bells = {
  inbox,
  bell,
  openings: [],
  takesOpenings: false,
  said: [],
  renderings: 0,
  streams,
  unreachable: () => new InboxError('unreachable', 'The server could not be asked.'),
  notification: (id, rest) => ({
    id,
    type: 'deal.assigned',
    title: `Deal ${id} is yours`,
    body: `Please call them, says ${id}.`,
    url: `/deals/${id}`,
    data: {},
    createdAt: new Date(Date.now() - 3_600_000).toISOString(),
    read: false,
    ...rest,
  }),
  notifications: (count, rest) => Array.from({ length: count }, (_, i) => bells.notification(count - i, rest)),
};

document.addEventListener('notification-open', (event: NotificationOpenEvent) => {
  bells.openings.push(event.detail.id);
  if (bells.takesOpenings) event.preventDefault();
});
if (bell && !bell.hasAttribute('url')) bell.inbox = inbox;
void bell?.updateComplete.then(() => {
  const region = bell.shadowRoot?.querySelector(':host > div > [role=status], div > [role=status]');
  if (region)
    new MutationObserver(() => bells.said.push(region.textContent ?? '')).observe(region, {
      childList: true,
      subtree: true,
      characterData: true,
    });
});
