import type { InboxStore } from '../inbox/inbox.store.js';
import type { StreamPage } from '../inbox/stream-page.js';
import type { InboxKey } from '../notification.js';
import { pause } from '../pause.js';

const ROWS_PER_READ = 1_000;
const ROWS_PER_PAGE = 100;
const BYTES_PER_READ = 2 * 1024 * 1024;
const MAX_RETRY_MS = 5_000;

interface Request extends InboxKey {
  after: number | null;
  /** Its inbox had broadcasts to get, and somebody may hold its lock: once is enough. */
  wasBehind?: boolean;
  isWanted(): boolean;
  resolve(page: StreamPage): void;
}

/**
 * Reads inboxes, many in one query: what is asked for while a query is under way makes up the next one. One query at a
 * time, of at most a thousand rows and about 2 MiB, bounds what reading costs, however many ask.
 */
export class InboxReader {
  private waiting: Request[] = [];
  private reading = false;
  private retryMs = 0;
  private retryTimer?: NodeJS.Timeout;
  private closed = false;

  /**
   * @param requestsPerRead inboxes in one query.
   * @param onError is told of each query that fails; it is repeated until Postgres answers.
   * @param gatherMs where several ask at once, a query begins so long after the one before, unless it is full already.
   * @param fetchesBroadcasts puts the broadcasts that an inbox has not got yet into it, before it is read.
   */
  constructor(
    private readonly store: InboxStore,
    private readonly requestsPerRead: number,
    private readonly onError: (error: unknown) => void,
    private readonly gatherMs = 0,
    private readonly fetchesBroadcasts = false,
  ) {}

  /**
   * Reads what came after an id, oldest first, or no items for null. Starts the inbox if there is none. The page is
   * `behind` where broadcasts are not fetched, or somebody holds the lock of the inbox. Never rejects: it waits until Postgres answers, and for ever once the reader is closed or the read
   * is not wanted any more.
   */
  read(key: InboxKey, after: number | null, isWanted: () => boolean): Promise<StreamPage> {
    return new Promise((resolve) => {
      if (this.closed) return;
      this.waiting.push({ tenant: key.tenant, recipient: key.recipient, after, isWanted, resolve });
      if (!this.reading && !this.retryTimer) void this.run();
    });
  }

  close(): void {
    this.closed = true;
    this.waiting = [];
    clearTimeout(this.retryTimer);
  }

  private async run(): Promise<void> {
    this.reading = true;
    // What is asked for in this turn goes together.
    await Promise.resolve();
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, this.requestsPerRead).filter((request) => request.isWanted());
      if (batch.length === 0) continue;
      const began = performance.now();
      try {
        await this.readBatch(batch);
        this.retryMs = 0;
        const isGathering = this.waiting.length > 0 && this.waiting.length < this.requestsPerRead;
        if (isGathering && this.gatherMs > 0) await pause(began + this.gatherMs - performance.now());
      } catch (error) {
        if (this.closed) return;
        // Clients come and go while Postgres is away: what they have left behind must not pile up.
        this.waiting = [...batch, ...this.waiting].filter((request) => request.isWanted());
        this.onError(error);
        this.retryMs = Math.min(MAX_RETRY_MS, this.retryMs * 2 || 100);
        this.retryTimer = setTimeout(
          () => {
            this.retryTimer = undefined;
            void this.run();
          },
          this.retryMs * (0.5 + Math.random() / 2),
        );
        break;
      }
    }
    this.reading = false;
  }

  private async readBatch(batch: Request[]): Promise<void> {
    const rows = Math.min(ROWS_PER_PAGE, Math.floor(ROWS_PER_READ / batch.length));
    const bytes = Math.floor(BYTES_PER_READ / batch.length);
    const pages = await this.store.read(batch, rows, bytes);
    const missing = batch.filter((_, index) => pages[index] === null);
    const behind = this.fetchesBroadcasts
      ? batch.filter((request, index) => pages[index]?.behind && !request.wasBehind)
      : [];
    if (this.closed) return;
    const again = new Set([...missing, ...behind]);
    batch.forEach((request, index) => {
      const page = pages[index];
      if (page && !again.has(request)) request.resolve(page);
    });
    // Those are answered, whatever becomes of the others.
    batch.splice(0, batch.length, ...again);
    if (missing.length > 0) await this.store.create(missing);
    if (behind.length > 0) await this.store.materialise(behind, true);
    for (const request of behind) request.wasBehind = true;
    if (!this.closed) this.waiting.unshift(...again);
  }
}
