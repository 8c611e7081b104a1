/** Ids of recipients: a set of them, or a range of the masses. */
export interface Recipients extends Iterable<string> {
  readonly size: number;
  has(recipient: string): boolean;
}

/** One notification that a writer wanted, and what is known of it. */
export interface Operation {
  readonly op: number;
  readonly tenant: string;
  /** Null: everybody of the tenant. */
  readonly to: Recipients | null;
  /** Its transaction is rolled back, whatever happens: nobody may ever see it. */
  readonly never: boolean;
  /** Its transaction also holds a row of `chaos_deal`: one exists if, and only if, the other does. */
  readonly deal: boolean;
  readonly expires: boolean;
  readonly deliverAt?: string;
  /** Operations of one transaction, in their order, have the same number. */
  readonly transaction?: number;
  /** The call has resolved: it must exist. */
  acked: boolean;
  /** The call was rejected with this code, which says that nothing was stored. */
  refusedAs?: string;
}

const MAX_DETAILS = 5;

/** What was asked for and acknowledged, against which everything that is seen is held; and what was found wrong. */
export class Ledger {
  readonly operations = new Map<number, Operation>();
  /** How often each rule was broken, with the first examples. */
  readonly violations = new Map<string, { count: number; details: string[] }>();
  private readonly removals = new Set<string>();
  private nextOp = 1;

  add(operation: Omit<Operation, 'op' | 'acked' | 'refusedAs'>): Operation {
    const added = { ...operation, op: this.nextOp++, acked: false };
    this.operations.set(added.op, added);
    return added;
  }

  /** The recipient asks for its removal: from now on it may be gone, whether or not the answer arrives. */
  mayBeRemoved(inbox: string, op: number): void {
    this.removals.add(`${inbox} ${op}`);
  }

  /** May the recipient be without it, though it was delivered? */
  mayBeGone(inbox: string, operation: Operation): boolean {
    return operation.expires || this.removals.has(`${inbox} ${operation.op}`);
  }

  violate(rule: string, detail: string): void {
    const found = this.violations.get(rule) ?? { count: 0, details: [] };
    this.violations.set(rule, found);
    found.count += 1;
    if (found.details.length < MAX_DETAILS) found.details.push(detail);
  }

  /** Something has reached an inbox: was it meant to? */
  checkSeen(inbox: { tenant: string; recipient: string }, op: unknown, where: string): void {
    const operation = this.operations.get(Number(op));
    if (!operation) {
      this.violate('nothing is seen that nobody sent', `${where}: operation ${op}`);
      return;
    }
    const { tenant, to, never } = operation;
    if (tenant !== inbox.tenant || (to && !to.has(inbox.recipient))) {
      this.violate(
        'nothing reaches another recipient or tenant',
        `${where}: operation ${op} is for ${namesOf(operation)}`,
      );
    }
    if (never) this.violate('no transaction that rolled back is seen', `${where}: operation ${op}`);
  }
}

/** Who was meant, for people. */
export function namesOf({ tenant, to }: Operation): string {
  return `${tenant}/${to === null ? '*' : list([...to])}`;
}

/** The first of them, and how many there are. */
export function list(values: readonly (number | string)[]): string {
  return values.length > 10 ? `${values.slice(0, 10).join(', ')} … (${values.length})` : values.join(', ');
}
