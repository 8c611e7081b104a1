import { NotificationsDataSource } from '../../src/notifications/inbox/database.js';
import type { Delivery } from '../../src/notifications/inbox/delivery-call.js';
import { DirectDelivery } from '../../src/notifications/inbox/direct-delivery.js';
import { resolveOptions } from '../../src/notifications/resolve-options.js';
import type { Frame } from '../../src/notifications/stream/frame.js';
import { Hub, type HubOptions } from '../../src/notifications/stream/hub.js';
import { uuidV7 } from '../../src/notifications/uuid-v7.js';
import { GatedStore } from './gated-store.js';

/** The hub over a real inbox store, without an HTTP server in front. */
export class StreamParts {
  readonly errors: unknown[] = [];
  private hubs: Hub[] = [];

  private constructor(
    readonly database: NotificationsDataSource,
    readonly store: GatedStore,
    private readonly direct: DirectDelivery,
  ) {}

  static async start(url: string): Promise<StreamParts> {
    const database = new NotificationsDataSource({ type: 'postgres', url });
    await database.initialize();
    return new StreamParts(database, new GatedStore(database), new DirectDelivery(database));
  }

  hub(options: Partial<HubOptions> = {}): Hub {
    const hub = new Hub(this.store, { ...resolveOptions({}), ...options }, (error) => this.errors.push(error));
    this.hubs.push(hub);
    return hub;
  }

  /** Delivers, and tells no hub. */
  async deliver(recipient: string, count = 1, content: { body?: string } = {}): Promise<void> {
    const message = () => ({ type: 't', title: 'x', ...content, id: uuidV7(), recipients: [recipient] });
    await Promise.all(Array.from({ length: count }, () => this.direct.deliver(message())));
  }

  /** Delivers one, as for a recipient with streams. */
  async arrive(recipient: string, content: object = {}): Promise<Required<Delivery>['arrivals']> {
    const message = { type: 't', title: 'x', ...content, id: uuidV7(), recipients: [recipient] };
    const { arrivals } = await this.direct.deliver(message, { hasStreams: true });
    if (!arrivals) throw new Error('What has come is not told');
    return arrivals;
  }

  async close(): Promise<void> {
    await Promise.all(this.hubs.map((hub) => hub.shutdown()));
    await this.direct.close();
    await this.database.destroy();
  }
}

/** What a connection gave, without a response behind it. */
export class Collected {
  readonly frames: Frame[] = [];
  completed = false;

  readonly sink = {
    next: (frames: readonly Frame[]) => void this.frames.push(...frames),
    complete: () => {
      this.completed = true;
    },
  };

  get types(): string[] {
    return this.frames.map((frame) => frame.type ?? 'message');
  }
}
