import { expect } from '@jest/globals';
import type { Broker, Hint } from '../../src/notifications/broker/broker.js';
import type { TransportBrokerOptions } from '../../src/notifications/broker/transport.broker.js';
import { eventually } from '../support/eventually.js';
import type { BrokerServer } from './broker-kits.js';
import { RecordingHandler } from './recording-handler.js';
import { TestKeys } from './test-keyring.js';

/** One instance on a channel. */
export interface Member {
  readonly broker: Broker;
  readonly handler: RecordingHandler;
  /** What `onDown` was told. */
  readonly downs: unknown[];
}

export interface MemberOptions extends TransportBrokerOptions {
  channel: string;
  prefix?: string;
  /** Of a proxy in front of the server. */
  port?: number;
}

let channels = 0;

/** A channel that nobody else uses, also not another run on the same server. */
export function newChannel(): string {
  channels += 1;
  return `test${process.pid}_${Date.now()}_${channels}.notifications`;
}

/** The instances of one test, to be closed after it. */
export class Members {
  /** Shared by all of them. */
  keys = new TestKeys();
  private readonly brokers: Broker[] = [];

  constructor(private readonly server: () => BrokerServer) {}

  /** A broker that is not subscribed. */
  async create({ channel, port, ...options }: MemberOptions): Promise<Member> {
    const downs: unknown[] = [];
    const { postgres } = this.server();
    const keyring = await this.keys.keyring(channel);
    const context = { channel, postgres, keyring, onDown: (error: unknown) => void downs.push(error) };
    const broker = await this.server().factory(options, port)(context);
    this.brokers.push(broker);
    return { broker, handler: new RecordingHandler(), downs };
  }

  /** A broker that hears and is heard. */
  async join(options: MemberOptions): Promise<Member> {
    const member = await this.create(options);
    await member.broker.subscribe(member.handler);
    await eventually(() => expect(member.handler.gaps).toBe(1));
    return member;
  }

  async close(): Promise<void> {
    await Promise.all(this.brokers.splice(0).map((broker) => broker.close()));
    await this.keys.close();
    this.keys = new TestKeys();
  }
}

/** Resolves once a hint at this recipient has come: what was sent before it has come too, or never will. */
export async function hear({ handler }: Pick<Member, 'handler'>, recipient: string): Promise<void> {
  await eventually(() => expect(handler.hasHeard(recipient)).toBe(true));
}

export function hintsAt(count: number): Hint[] {
  return Array.from({ length: count }, (_, i) => ({ tenant: 'acme', recipient: `user-${i}` }));
}
