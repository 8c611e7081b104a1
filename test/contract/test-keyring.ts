import { Keyring, type KeySnapshot } from '../../src/notifications/broker/keyring.js';

/** Keys as the database would give them, for all brokers of a test that share them. */
export class TestKeys implements KeySnapshot {
  keys = [{ id: 1, secret: Buffer.alloc(32, 'one'), isRipe: true }];
  hasUnsignedInstances = false;
  reads = 0;
  foreign = 0;
  private readonly keyrings: Keyring[] = [];

  /** How far the clock of the database goes after this machine's. */
  behindMs = 0;

  get now(): number {
    return Date.now() - this.behindMs;
  }

  async keyring(channel: string): Promise<Keyring> {
    const load = async () => {
      this.reads += 1;
      return { keys: this.keys, hasUnsignedInstances: this.hasUnsignedInstances, now: this.now };
    };
    const onForeign = () => {
      this.foreign += 1;
    };
    const keyring = await Keyring.open(channel, load, { onError: () => {}, onForeign });
    this.keyrings.push(keyring);
    return keyring;
  }

  async close(): Promise<void> {
    await Promise.all(this.keyrings.splice(0).map((keyring) => keyring.close()));
  }
}
