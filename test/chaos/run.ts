import { setTimeout as sleep } from 'node:timers/promises';
import { Random } from '../support/random.js';
import { buildInstance, type Patch } from './build.js';
import { Client, type Inbox, nameOf } from './client.js';
import { type DatabaseState, pendingWork, readDatabase } from './database-state.js';
import { Delays } from './delays.js';
import { Faults } from './faults.js';
import { LargeWriter } from './large-writer.js';
import { Ledger, type Operation } from './ledger.js';
import { judgeMasses } from './masses.js';
import { Neighbours } from './neighbours.js';
import { judgeStreams, observersOf, watchMemory } from './observers.js';
import { Orders } from './orders.js';
import { People } from './people.js';
import { judgePoison } from './poison.js';
import { call } from './rest.js';
import type { RunContext } from './run-context.js';
import type { Settings } from './settings.js';
import { Tally } from './tally.js';
import { Lulls, Trouble } from './trouble.js';
import { differenceOf, judge } from './verdict.js';
import { buildVersionBefore } from './version-before.js';
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
  /** Bad rows that other programs wrote, and how many of them are parked at the end. */
  poison: { rows: number; parked: number };
  /** Instances of the version before that ran, too. */
  before: number;
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
  const shared = { settings, tally: new Tally(), ledger: new Ledger(), trouble: new Trouble() };
  const { tally, ledger } = shared;
  const build = buildInstance(patches);
  const before = settings.instancesBefore > 0 ? buildVersionBefore() : undefined;
  const removeAtExit = () => {
    build.dispose();
    before?.dispose();
  };
  process.on('exit', removeAtExit);
  let world: World | undefined;
  let clients: Client[] = [];
  try {
    world = await World.start(settings, build, before, random.fork(), observersOf(shared));
    const context: RunContext = { ...shared, world };
    const audience = audienceOf(settings.recipients);
    clients = createClients(context, audience, random.fork());
    await openInboxes(clients, world);
    const over = AbortSignal.timeout(settings.seconds * 1_000);
    const neighbourhood = createNeighbourhood(context, audience, over, random);
    await breakThings(context, neighbourhood, audience, clients, over, random);
    const since = performance.now();
    await world.heal();
    const state = await settle(context, neighbourhood.delays, clients);
    const settledAfter = (performance.now() - since) / 1_000;
    judge(state, clients, ledger, world.deadlocks());
    await judgeMasses(world.pool, ledger);
    await judgeStreams(context, clients);
    await neighbourhood.neighbours.judge();
    return {
      ...{ settings, tally, ledger, settledAfter },
      stored: [...state.messages.values()].reduce((sum, count) => sum + count, 0),
      items: [...state.inboxes.values()].reduce((sum, inbox) => sum + inbox.items.length, 0),
      poison: await judgePoison(world.pool, ledger),
      before: world.nodes.length - world.ownNodes.length,
    };
  } finally {
    for (const client of clients) client.stop();
    await world?.dispose();
    removeAtExit();
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

function createClients(context: RunContext, audience: Audience, random: Random): Client[] {
  const { settings, world, ledger, tally } = context;
  const inboxes = [...audience.inboxesOf.values()].flat();
  return Array.from({ length: Math.max(settings.connections, inboxes.length) }, (_, i) => {
    const inbox = inboxes[i] ?? random.pick(inboxes);
    return new Client(`client ${i}`, inbox, world.nodes, random.fork(), ledger, tally);
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

interface Neighbourhood {
  faults: Faults;
  neighbours: Neighbours;
  delays: Delays;
}

function createNeighbourhood(
  context: RunContext,
  audience: Audience,
  over: AbortSignal,
  random: Random,
): Neighbourhood {
  const { settings, world, trouble, ledger, tally } = context;
  const faults = new Faults(context, random.fork());
  const writer = new Writer(WRITERS + 1, new Orders(context, random.fork()), audience, random.fork());
  const large = new LargeWriter(world.pool, new Orders(context, random.fork()), settings.masses, random.fork());
  const neighbours = new Neighbours(context, audience, writer, large, faults, over, random.fork());
  const mayWait = (operation: Operation) => neighbours.locks.isHeld(operation);
  const delays = new Delays(world.pool, settings.delayMs, mayWait, trouble, ledger, tally);
  return { faults, neighbours, delays };
}

async function breakThings(
  context: RunContext,
  { faults, neighbours, delays }: Neighbourhood,
  audience: Audience,
  clients: readonly Client[],
  over: AbortSignal,
  random: Random,
): Promise<void> {
  const { settings, world, ledger, tally } = context;
  const people = new People(clients, world.urls, ledger, tally, random.fork());
  const createWriter = (i: number) => new Writer(i, new Orders(context, random.fork()), audience, random.fork());
  const writers = times(WRITERS, createWriter);
  const flooder = createWriter(WRITERS);
  const lulls = new Lulls(settings.lullEveryMs, settings.lullMs);
  await Promise.all([
    faults.run(lulls, over),
    neighbours.run(lulls),
    delays.watch(over),
    watchMemory(world, tally, over),
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
async function settle(
  { settings, world }: RunContext,
  delays: Delays,
  clients: readonly Client[],
): Promise<DatabaseState> {
  const deadline = Date.now() + settings.settleSeconds * 1_000;
  const isLate = () => Date.now() > deadline;
  for (const client of clients) client.settle();
  for (;;) {
    await delays.look();
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
