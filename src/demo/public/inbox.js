const PAGE = 30;

/** One set of numbers is newer than another if this is greater: ids tell arrivals, the revision tells changes. */
const version = ({ lastId, revision }) => lastId + revision;
const pick = ({ lastId, unread, revision }) => ({ lastId, unread, revision });

/**
 * The user's notifications as far as they are shown. It is told what the stream and the answers of the server say, in
 * whatever order they come, by the rules of docs/wire-format.md.
 */
export class Inbox {
  /** By id. */
  #items = new Map();
  #numbers = { lastId: 0, unread: 0, revision: 0 };
  #nextBefore = null;
  /** A list that ends before this id is too old. */
  #mustReach = 0;
  #loading = null;

  constructor(api, { onChange, onError }) {
    this.api = api;
    this.onChange = onChange;
    this.onError = onError;
  }

  /** Newest first. */
  get items() {
    return [...this.#items.values()].sort((a, b) => b.id - a.id);
  }

  get unread() {
    return this.#numbers.unread;
  }

  get lastId() {
    return this.#numbers.lastId;
  }

  get hasOlder() {
    return this.#nextBefore !== null;
  }

  /** A notification has arrived. */
  add(item) {
    if (this.#items.has(item.id)) return;
    this.#items.set(item.id, item);
    this.onChange();
  }

  /** Numbers have arrived, perhaps with the details of the change that led to them. */
  apply(numbers, details = {}) {
    if (version(numbers) <= version(this.#numbers)) return;
    const changes = numbers.revision - this.#numbers.revision;
    const isKnown = changes === 0 || (changes === 1 && this.#change(details));
    this.#numbers = pick(numbers);
    if (!isKnown) this.reload().catch(this.onError);
    this.onChange();
  }

  /** The stream goes on from here; what was before has to be read anew, older or not. */
  reset(numbers) {
    this.#numbers = pick(numbers);
    this.#mustReach = numbers.lastId;
    this.#items.clear();
    this.onChange();
    this.reload().catch(this.onError);
  }

  /** Reads the newest page, again if something has changed meanwhile. */
  reload() {
    this.#loading ??= this.#load().finally(() => {
      this.#loading = null;
    });
    return this.#loading;
  }

  async showOlder() {
    const page = await this.api.get(`/notifications?limit=${PAGE}&before=${this.#nextBefore}`);
    if (page.revision < this.#numbers.revision) return this.reload();
    for (const item of page.items) this.#items.set(item.id, item);
    this.#nextBefore = page.nextBefore;
    this.apply(page);
    this.onChange();
  }

  async markRead(id, read) {
    const numbers = await this.api.patch(`/notifications/${id}`, { read });
    this.apply(numbers, read ? { read: [id] } : { unreadIds: [id] });
  }

  async markAllRead() {
    const upTo = this.lastId;
    this.apply(await this.api.post('/notifications/read', { upTo }), { readUpTo: upTo });
  }

  async #load() {
    for (;;) {
      const page = await this.api.get(`/notifications?limit=${PAGE}`);
      if (page.revision < this.#numbers.revision || page.lastId < this.#mustReach) continue;
      const newer = [...this.#items.values()].filter((item) => item.id > page.lastId);
      this.#items = new Map([...page.items, ...newer].map((item) => [item.id, item]));
      this.#nextBefore = page.nextBefore;
      if (version(page) > version(this.#numbers)) this.#numbers = pick(page);
      this.onChange();
      return;
    }
  }

  /** Returns false if there is nothing that it could go by. */
  #change({ read, readUpTo, unreadIds, removed }) {
    for (const item of this.#items.values()) {
      if (read?.includes(item.id) || item.id <= readUpTo) item.read = true;
      if (unreadIds?.includes(item.id)) item.read = false;
    }
    for (const id of removed ?? []) this.#items.delete(id);
    return Boolean(read || readUpTo || unreadIds || removed);
  }
}
