import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../support/random.js';
import { buildInstance, type Patch } from './build.js';
import { Client, type Inbox, nameOf } from './client.js';
import { type DatabaseState, pendingWork, readDatabase } from './database-state.js';
import { Faults } from './faults.js';
import { Ledger } from './ledger.js';
import { People } from './people.js';
import { call } from './rest.js';
import type { Settings } from './settings.js';
import { Tally } from './tally.js';
import { differenceOf, judge } from './verdict.js';
import { World } from './world.js';
import { type Audience, Writer } from './writers.js';

export interface Outcome {
  settings: Settings;
  tally: Tally;
  ledger: Ledger;
  /** Seconds from the last fault until everything was right. */
  settledAfter: number;
  /** Notifications, and items of inboxes, that the database has at the end. */
  stored: number;
  items: number;
  slowestTermMs: number;
}

const TENANTS = ['', 'acme', 'globex'];
const WRITERS = 8;
const CHANGERS = 4;
const FLOOD_EVERY_MS = 20_000;
const AUDITORS = 6;
const AUDIT_EVERY_MS = 300;

/** Starts everything, breaks it for a while, waits for quiet, and judges. */
export async function runChaos(settings: Settings, patches: readonly Patch[] = []): Promise<Outcome> {
  const random = new Random(settings.seed);
  const tally = new Tally();
  const ledger = new Ledger();
  const build = buildInstance(patches);
  const removeAtExit = () => build.dispose();
  process.on('exit', removeAtExit);
  let world: World | undefined;
  let clients: Client[] = [];
  try {
    world = await World.start(settings, build, random.fork(), tally);
    const audience = audienceOf(settings.recipients);
    clients = createClients(settings, world, audience, random.fork(), ledger, tally);
    await openInboxes(clients, world);
    await breakThings(settings, world, audience, clients, random, ledger, tally);
    const since = performance.now();
    await world.heal();
    const state = await settle(settings, world, clients);
    judge(state, clients, ledger, world.deadlocks());
    for (const [end, count] of tally.startingWith('instance ')) {
      ledger.violate('no instance ends by itself', `${count} times: ${end}`);
    }
    return {
      ...{ settings, tally, ledger },
      settledAfter: (performance.now() - since) / 1_000,
      stored: [...state.messages.values()].reduce((sum, count) => sum + count, 0),
      items: [...state.inboxes.values()].reduce((sum, inbox) => sum + inbox.items.length, 0),
      slowestTermMs: Math.max(...world.nodes.map((node) => node.instance.slowestTermMs)),
    };
  } finally {
    for (const client of clients) client.stop();
    await world?.dispose();
    build.dispose();
    process.off('exit', removeAtExit);
  }
}

/** The same ids in every tenant. */
function audienceOf(recipients: number): Audience {
  const inboxesOf = new Map<string, Inbox[]>(TENANTS.map((tenant) => [tenant, []]));
  for (let i = 0; i < recipients; i += 1) {
    const tenant = TENANTS[i % TENANTS.length] as string;
    inboxesOf.get(tenant)?.push({ tenant, recipient: `user-${Math.floor(i / TENANTS.length)}` });
  }
  return { tenants: TENANTS, inboxesOf };
}

function createClients(
  { connections }: Settings,
  world: World,
  audience: Audience,
  random: Random,
  ledger: Ledger,
  tally: Tally,
): Client[] {
  const inboxes = [...audience.inboxesOf.values()].flat();
  return Array.from({ length: Math.max(connections, inboxes.length) }, (_, i) => {
    const inbox = inboxes[i] ?? random.pick(inboxes);
    return new Client(`client ${i}`, inbox, world.urls, random.fork(), ledger, tally);
  });
}

/** Before anything is broadcast: who has no inbox yet is not meant by it. */
async function openInboxes(clients: readonly Client[], world: World): Promise<void> {
  const names = [...new Set(clients.map((client) => nameOf(client.inbox)))];
  const [url] = world.urls;
  for (let i = 0; i < names.length; i += 20) {
    const some = names.slice(i, i + 20);
    await Promise.all(some.map((identity) => call(`${url}/notifications/unread-count`, { identity })));
  }
  for (const client of clients) client.connect();
}

async function breakThings(
  settings: Settings,
  world: World,
  audience: Audience,
  clients: readonly Client[],
  random: Random,
  ledger: Ledger,
  tally: Tally,
): Promise<void> {
  const people = new People(clients, world.urls, ledger, tally, random.fork());
  const faults = new Faults(world, settings, tally, random.fork());
  const writers = times(WRITERS, (i) => new Writer(i, world, audience, ledger, tally, random.fork()));
  const flooder = new Writer(WRITERS, world, audience, ledger, tally, random.fork());
  const over = AbortSignal.timeout(settings.seconds * 1_000);
  await Promise.all([
    faults.run(over),
    people.misbehave(settings.clientFaultEveryMs / clients.length, over),
    ...times(AUDITORS, () => people.audit(AUDIT_EVERY_MS, over)),
    people.sleepThrough(FLOOD_EVERY_MS, (inbox) => flooder.flood(inbox), over),
    ...writers.map((writer) => writer.run((1_000 * WRITERS) / settings.writesPerSecond, over)),
    ...times(CHANGERS, () => people.change((1_000 * CHANGERS) / settings.changesPerSecond, over)),
  ]);
}

function times<T>(count: number, start: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => start(index));
}

/** Waits until everything is right, or the time is up. @returns the database, which doesn't change any more. */
async function settle(settings: Settings, world: World, clients: readonly Client[]): Promise<DatabaseState> {
  const deadline = Date.now() + settings.settleSeconds * 1_000;
  const isLate = () => Date.now() > deadline;
  for (const client of clients) client.settle();
  for (;;) {
    const { outbox, expiring } = await pendingWork(world.pool);
    if ((outbox === 0 && expiring === 0) || isLate()) break;
    await sleep(200);
  }
  for (;;) {
    for (const client of clients) client.settle();
    const state = await readDatabase(world.pool);
    const isRight = clients.every((client) => !differenceOf(client, state.inboxes.get(nameOf(client.inbox))));
    if (isRight || isLate()) return state;
    await sleep(300);
  }
}
