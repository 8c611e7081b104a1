import { accessToken } from './crm-app.js';
import { StreamClient } from './stream-client.js';

/** A client that drops its connection and comes back, to any instance, with its last event ID, as a browser would. */
export class RoamingClient {
  /** Of every notification received, across all connections, in the order of arrival. */
  readonly ids: number[] = [];
  readonly titles: string[] = [];
  /** Frames that told it to reload: with a cursor of its own it should never need to. */
  resets = 0;
  private connection?: StreamClient;
  private lastEventId = '0';

  constructor(readonly recipient: string) {}

  async connect(url: string): Promise<void> {
    this.leave();
    const token = await accessToken(this.recipient);
    this.connection = await StreamClient.open(url, token, { lastEventId: this.lastEventId });
    if (this.connection.status !== 200) throw new Error(`${this.recipient} was answered ${this.connection.status}`);
  }

  /** Drops the connection wherever it stands, also in the middle of a replay. */
  leave(): void {
    const { connection } = this;
    if (!connection) return;
    connection.close();
    this.connection = undefined;
    this.lastEventId = connection.lastEventId ?? this.lastEventId;
    this.resets += connection.of('reset').length;
    for (const { data } of connection.of('message')) {
      this.ids.push(data.id);
      this.titles.push(data.title);
    }
  }

  /** Waits until the id has come, and leaves. */
  async finish(lastId: number): Promise<void> {
    const { connection } = this;
    if (!connection) throw new Error(`${this.recipient} is not connected`);
    await connection.until(() => Number(connection.lastEventId) >= lastId);
    this.leave();
  }
}
