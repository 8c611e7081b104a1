const MIN_DELAY_MS = 1_000;
const MAX_DELAY_MS = 15_000;

/**
 * The user's event stream. EventSource reconnects by itself while it can; this takes over where it can't: the token in
 * its URL is good for a minute, and after an answer like 401 or 503 it gives up for good.
 */
export class Stream {
  #source = null;
  #lastEventId;
  #failures = 0;
  #timer;
  #watchdog;
  #heartbeatMs = 20_000;
  #closed = false;

  /**
   * @param on `ready`, `message`, `state`, `signal`, `reset` get the event's data; `connection` gets `live`, `connecting`, or
   *   `ended` when there is no point in trying again with this login.
   */
  constructor(api, lastEventId, on) {
    this.api = api;
    this.#lastEventId = String(lastEventId);
    this.on = on;
    this.#connect();
  }

  close() {
    this.#closed = true;
    this.#disconnect();
    clearTimeout(this.#timer);
  }

  async #connect() {
    this.on.connection('connecting');
    try {
      const { token } = await this.api.post('/notifications/stream-token');
      if (!this.#closed) this.#open(token);
    } catch (error) {
      if (error.status === 401) this.#end();
      else this.#retry();
    }
  }

  #open(token) {
    const query = new URLSearchParams({ token, lastEventId: this.#lastEventId });
    const source = new EventSource(`/notifications/stream?${query}`);
    this.#source = source;
    this.#listen('ready', ({ heartbeatMs }) => {
      this.#failures = 0;
      this.#heartbeatMs = heartbeatMs;
      this.on.connection('live');
    });
    for (const type of ['ready', 'message', 'state', 'signal', 'reset']) {
      this.#listen(type, (data) => this.on[type](data));
    }
    this.#listen('ping', () => {});
    this.#listen('close', ({ reconnect }) => {
      if (reconnect) this.#retry();
      else this.#end();
    });
    source.addEventListener('error', () => {
      if (source.readyState === EventSource.CLOSED) this.#retry();
      else this.on.connection('connecting');
    });
    this.#watch();
  }

  #listen(type, handle) {
    const source = this.#source;
    source.addEventListener(type, (event) => {
      if (source !== this.#source) return;
      this.#lastEventId = event.lastEventId;
      this.#watch();
      handle(JSON.parse(event.data));
    });
  }

  /** A connection can die without a word, as when a laptop sleeps; then the pings stay away. */
  #watch() {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(() => this.#retry(), 2.5 * this.#heartbeatMs);
  }

  /** With a fresh token, later each time, and not at the same moment as everybody else. */
  #retry() {
    this.#disconnect();
    if (this.#closed) return;
    this.on.connection('connecting');
    const delay = Math.min(MIN_DELAY_MS * 2 ** this.#failures, MAX_DELAY_MS) * (0.5 + Math.random());
    this.#failures += 1;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#connect(), delay);
  }

  #end() {
    this.close();
    this.on.connection('ended');
  }

  #disconnect() {
    clearTimeout(this.#watchdog);
    this.#source?.close();
    this.#source = null;
  }
}
