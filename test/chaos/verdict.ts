import { type Client, nameOf } from './client.js';
import type { DatabaseState, StoredInbox } from './database-state.js';
import { type Ledger, list, namesOf, type Operation } from './ledger.js';
import { MASSES } from './masses.js';
import { isNewcomer } from './writers.js';

/** What the trigger says that refuses rows: see masses.ts. */
const REFUSED = /^chaos: .* refused/;

/** @returns how what a client shows differs from its inbox, or undefined: then it is right to the last letter. */
export function differenceOf(client: Client, inbox: StoredInbox | undefined): string | undefined {
  const { model } = client;
  if (!inbox) return 'there is no inbox';
  if (!client.isConnected) return 'it can not connect';
  if (!model.numbers) return 'it has never been told any numbers';
  for (const name of ['lastId', 'unread', 'revision'] as const) {
    if (model.numbers[name] !== inbox[name]) return `${name} is ${model.numbers[name]} instead of ${inbox[name]}`;
  }
  if (model.isOutdated) return 'it still has to reload';
  const expected = inbox.items.filter((item) => item.id >= model.floor);
  const shown = [...model.items.values()].filter((item) => item.id >= model.floor).sort((a, b) => a.id - b.id);
  const extra = shown.filter((item) => !expected.some((stored) => stored.id === item.id));
  if (extra.length > 0) return `it shows ${list(extra.map((item) => item.id))}, which are not in the inbox`;
  const missing = expected.filter((stored) => !model.items.has(stored.id));
  if (missing.length > 0) return `it misses ${list(missing.map((item) => item.id))}`;
  const wrong = expected.filter(({ id, op, read }) => {
    const item = model.items.get(id);
    return item?.read !== read || item.op !== op;
  });
  if (wrong.length > 0) return `it is wrong about ${list(wrong.map((item) => item.id))}, or whether they are read`;
  return undefined;
}

/** Holds everything that was seen and acknowledged against the database. What differs goes into the ledger. */
export function judge(state: DatabaseState, clients: readonly Client[], ledger: Ledger, deadlocks: number): void {
  for (const client of clients) {
    const inbox = state.inboxes.get(nameOf(client.inbox));
    const difference = differenceOf(client, inbox);
    if (difference) {
      const where = `${client.name} of ${nameOf(client.inbox)}`;
      ledger.violate(
        'every connection ends equal to the database',
        `${where}: ${difference}. Last: ${client.lastFrames.join(' | ')}`,
      );
    }
    if (inbox) judgePassages(client, inbox, state, ledger);
  }
  for (const inbox of state.inboxes.values()) judgeInbox(inbox, ledger);
  judgeOperations(state, ledger);
  judgeOrder(state, ledger);
  if (state.undelivered !== 0) ledger.violate('the outbox is empty', `${state.undelivered} rows are left`);
  for (const error of state.parked) ledger.violate('nothing is parked', error);
  if (deadlocks > 0) ledger.violate('no deadlocks', `Postgres found ${deadlocks}`);
}

/** On its way a connection got everything that is in the inbox, and of each id the same as everybody. */
function judgePassages(client: Client, inbox: StoredInbox, state: DatabaseState, ledger: Ledger): void {
  const where = `${client.name} of ${nameOf(client.inbox)}`;
  const stored = new Map(inbox.items.map((item) => [item.id, item.op]));
  const idOf = new Map<number, number>();
  client.passages.forEach(({ start, given }, index) => {
    const isLast = index === client.passages.length - 1;
    const end = isLast ? inbox.lastId : Math.max(start, ...given.keys());
    const missing = inbox.items.filter(({ id }) => id > start && id <= end && !given.has(id));
    if (missing.length > 0) {
      const ids = list(missing.map((item) => item.id));
      ledger.violate(
        'no id is missing from a stream',
        `${where}: ${ids} between ${start} and ${end}. Last: ${client.lastFrames.join(' | ')}`,
      );
    }
    for (const [id, op] of given) {
      if ((stored.get(id) ?? op) !== op) ledger.violate('an id is given once', `${where}: ${id} was operation ${op}`);
      if ((idOf.get(op) ?? id) !== id) {
        ledger.violate('nothing is delivered twice', `${where}: operation ${op} as ${idOf.get(op)} and ${id}`);
      }
      idOf.set(op, id);
      if (!wasCommitted(op, state, ledger)) {
        ledger.violate('nothing is seen that was not committed', `${where}: operation ${op} as ${id}`);
      }
    }
  });
}

function wasCommitted(op: number, state: DatabaseState, ledger: Ledger): boolean {
  return state.messages.has(op) && (!ledger.operations.get(op)?.deal || state.deals.has(op));
}

function judgeInbox(inbox: StoredInbox, ledger: Ledger): void {
  const unread = inbox.items.filter((item) => !item.read).length;
  if (unread !== inbox.unread) {
    ledger.violate('counters equal rows', `${nameOf(inbox)}: the count says ${inbox.unread}, the rows ${unread}`);
  }
  const lastId = inbox.items.at(-1)?.id ?? 0;
  if (lastId > inbox.lastId) {
    ledger.violate('counters equal rows', `${nameOf(inbox)}: id ${lastId} is above lastId ${inbox.lastId}`);
  }
  for (const item of inbox.items) ledger.checkSeen(inbox, item.op, `the inbox of ${nameOf(inbox)}, id ${item.id}`);
}

/** Each operation is with all its recipients once, or with none: with all if it was acknowledged or its deal exists. */
function judgeOperations(state: DatabaseState, ledger: Ledger): void {
  const holders = holdersOf(state);
  for (const operation of ledger.operations.values()) {
    const { op, acked, deal, never, deliverAt } = operation;
    const held = holders.get(op) ?? new Map<string, HeldItem[]>();
    const exists = state.messages.has(op);
    if ((state.messages.get(op) ?? 0) > 1)
      ledger.violate('nothing is delivered twice', `${describe(operation)}: stored twice`);
    if (acked && !exists) ledger.violate('what is acknowledged exists', describe(operation));
    if (exists && operation.refusedAs) {
      ledger.violate('what is refused is not stored', `${describe(operation)}: refused as ${operation.refusedAs}`);
    }
    if (deal && !never && exists !== state.deals.has(op)) {
      const fact = exists ? 'the notification exists, its deal does not' : 'the deal exists, its notification does not';
      ledger.violate('a notification commits with its transaction', `${describe(operation)}: ${fact}`);
    }
    for (const [inbox, items] of held) {
      if (items.length > 1) {
        const ids = list(items.map((item) => item.id));
        ledger.violate('nothing is delivered twice', `${describe(operation)}: in ${inbox} as ${ids}`);
      }
      const early = deliverAt && items.some((item) => item.createdAt < new Date(deliverAt));
      if (early) ledger.violate('nothing is delivered before its time', describe(operation));
    }
    // The masses are counted in the database.
    if (!exists || operation.tenant === MASSES) continue;
    const without = recipientsOf(operation, state).filter((inbox) => !held.has(inbox));
    const missing = without.filter((inbox) => !ledger.mayBeGone(inbox, operation));
    if (missing.length > 0) {
      ledger.violate('what exists is with all its recipients', `${describe(operation)}: ${list(missing)} are without`);
    }
  }
}

interface HeldItem {
  id: number;
  createdAt: Date;
}

function holdersOf(state: DatabaseState): Map<number, Map<string, HeldItem[]>> {
  const holders = new Map<number, Map<string, HeldItem[]>>();
  for (const [name, { items }] of state.inboxes) {
    for (const { op, id, createdAt } of items) {
      const held = holders.get(op) ?? new Map<string, HeldItem[]>();
      holders.set(op, held);
      held.set(name, [...(held.get(name) ?? []), { id, createdAt }]);
    }
  }
  return holders;
}

function recipientsOf({ tenant, to }: Operation, state: DatabaseState): string[] {
  if (to) return [...to].map((recipient) => `${tenant}/${recipient}`);
  return [...state.inboxes]
    .filter(([, inbox]) => inbox.tenant === tenant && !isNewcomer(inbox.recipient))
    .map(([name]) => name);
}

/**
 * What one transaction sent to a recipient arrived in the order of its calls. Of a flood of rows that Postgres refuses no good
 * one is told apart at first: that comes by itself, a moment later.
 */
function judgeOrder(state: DatabaseState, ledger: Ledger): void {
  const wasRefused = (op: number) => state.setbacks.get(op)?.some((error) => REFUSED.test(error)) === true;
  for (const [name, { items }] of state.inboxes) {
    const latest = new Map<number, number>();
    for (const { op } of items) {
      const operation = ledger.operations.get(op);
      if (operation?.transaction === undefined || operation.to === null || wasRefused(op)) continue;
      const before = latest.get(operation.transaction) ?? 0;
      if (before > op) {
        const why = list(state.setbacks.get(op) ?? ['never']);
        ledger.violate('a transaction keeps its order', `${name}: operation ${op} after ${before}; set aside: ${why}`);
      }
      latest.set(operation.transaction, op);
    }
  }
}

function describe(operation: Operation): string {
  const { op, acked, deal, transaction } = operation;
  const how = transaction === undefined ? (deal ? 'by plain SQL' : 'direct') : `in transaction ${transaction}`;
  return `operation ${op} to ${namesOf(operation)}, ${how}, ${acked ? 'acknowledged' : 'without an answer'}`;
}
