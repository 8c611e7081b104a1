import {
  type Inbox,
  InboxError,
  type InboxEvents,
  type InboxNotification,
  type InboxState,
} from '../../../src/client/index.js';

/** An inbox without a server, which a test makes say what it wants: its contract is the interface. */
export class FakeInbox implements Inbox {
  /** What was called, with its arguments, in order. */
  readonly calls: unknown[][] = [];
  /** Changes wait for `refuse()`, and pages of older ones can't be loaded. */
  refuses = false;
  /** What `loadMore` gives, page by page. */
  older: InboxNotification[][] = [];

  private state: InboxState = {
    status: 'live',
    items: [],
    unread: 0,
    hasMore: false,
    loading: false,
    error: null,
  };
  private readonly waiting: (() => void)[] = [];
  private readonly listeners = new Map<string, Set<(...args: never[]) => void>>();

  /** How many listen to anything. */
  get listening(): number {
    return [...this.listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }

  set(change: Partial<InboxState>): void {
    this.state = { ...this.state, ...change };
    this.emit('state', this.state);
  }

  setItems(items: readonly InboxNotification[]): void {
    this.set({ items, unread: items.filter(({ read }) => !read).length });
  }

  /** Answers the changes that wait. */
  refuse(): void {
    for (const answer of this.waiting.splice(0)) answer();
  }

  arrive(...notifications: InboxNotification[]): void {
    for (const notification of notifications) {
      this.setItems([notification, ...this.state.items]);
      this.emit('notification', notification, { toast: true });
    }
  }

  readonly getState = (): InboxState => this.state;

  readonly subscribe = (listener: (state: InboxState) => void): (() => void) => {
    listener(this.state);
    return this.listen('state', listener);
  };

  readonly on = <E extends keyof InboxEvents>(event: E, listener: (...args: InboxEvents[E]) => void): (() => void) =>
    this.listen(event, listener as never);

  readonly loadMore = async (): Promise<void> => {
    this.calls.push(['loadMore']);
    this.set({ loading: true, error: null });
    await new Promise((resolve) => setTimeout(resolve, 20));
    if (this.refuses) {
      const error = new InboxError('unreachable', 'The server could not be asked.');
      this.set({ loading: false, error });
      throw error;
    }
    const page = this.older.shift() ?? [];
    this.setItems([...this.state.items, ...page]);
    this.set({ loading: false, hasMore: this.older.length > 0 });
  };

  readonly markRead = (ids: number | readonly number[] | 'all'): Promise<void> =>
    this.change('markRead', ids, (items) =>
      items.map((item) => (ids === 'all' || ids === item.id ? { ...item, read: true } : item)),
    );

  readonly markUnread = (ids: number | readonly number[]): Promise<void> =>
    this.change('markUnread', ids, (items) => items.map((item) => (ids === item.id ? { ...item, read: false } : item)));

  readonly remove = (ids: number | readonly number[]): Promise<void> =>
    this.change('remove', ids, (items) => items.filter(({ id }) => id !== ids));

  readonly open = (): void => {
    this.calls.push(['open']);
  };

  readonly close = (): void => {
    this.calls.push(['close']);
  };

  private async change(
    name: string,
    ids: unknown,
    apply: (items: readonly InboxNotification[]) => readonly InboxNotification[],
  ): Promise<void> {
    this.calls.push([name, ids]);
    const { items } = this.state;
    this.setItems(apply(items));
    if (!this.refuses) return;
    await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.setItems(items);
    throw new InboxError('refused', 'The server answered 403: Forbidden', 403);
  }

  private listen(event: string, listener: (...args: never[]) => void): () => void {
    const listeners = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, listeners.add(listener));
    return () => void listeners.delete(listener);
  }

  private emit(event: string, ...args: unknown[]): void {
    for (const listener of this.listeners.get(event) ?? []) (listener as (...args: unknown[]) => void)(...args);
  }
}
