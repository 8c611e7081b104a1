import type { Patch } from './build.js';
import type { Settings } from './settings.js';

/** A guarantee broken on purpose, and the run that brings it to light. */
export interface Mutant {
  name: string;
  patches: Patch[];
  settings: Partial<Settings>;
}

const DELIVER = 'inbox/deliver.statement.ts';
const CONNECTION = 'stream/connection.ts';
const INBOX = 'stream/connected-inbox.ts';
const HUB = 'stream/hub.ts';
/** Many inboxes with several streams each, and time between two sweeps for one of them to find what no hint told. */
const UNHINTED: Partial<Settings> = { faults: ['deaf'], recipients: 150, connections: 450, sweepMs: 6_000 };
/** Few inboxes in which much is marked, and hints of it that are lost, doubled and late. */
const MARKED: Partial<Settings> = {
  ...{ recipients: 9, connections: 36, writesPerSecond: 6, changesPerSecond: 120 },
  ...{ hintsLost: 30, hintsDoubled: 30, hintsLate: 60, sweepMs: 5_000 },
};

export const MUTANTS: Mutant[] = [
  {
    name: 'with a manager, the notification is stored outside the transaction',
    patches: [
      {
        file: 'inbox/outbox.ts',
        find: `      this.pending.add(runner);
      await query(manager, text, values);`,
        replace: `      this.pending.add(runner);
      await this.database.run({ name: 'outbox_add', text }, values);`,
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'acknowledged before it is committed',
    patches: [
      {
        file: 'inbox/group-commit.ts',
        find: 'this.unsettled.add(call);',
        replace: 'resolve({ existing: null });\n      this.unsettled.add(call);',
      },
    ],
    settings: { faults: ['kill', 'backends', 'postgres'], faultEveryMs: 700 },
  },
  {
    name: 'acknowledged before the log of Postgres is written',
    patches: [{ file: 'postgres-session.ts', find: "synchronous_commit: 'on'", replace: "synchronous_commit: 'off'" }],
    settings: { faults: ['postgres'], faultEveryMs: 1_500 },
  },
  {
    name: 'ids from a sequence, taken before the inbox is locked',
    patches: [
      {
        file: DELIVER,
        find: 'count(*) OVER (PARTITION BY m.tenant_id, r.recipient_id) AS n\n',
        replace: `count(*) OVER (PARTITION BY m.tenant_id, r.recipient_id) AS n,
        nextval(pg_get_serial_sequence('\${s}.outbox', 'pos')) AS seq, pg_sleep(0.02)\n`,
      },
      {
        file: DELIVER,
        find: `      SELECT tenant_id, recipient_id, n, n,
        coalesce(`,
        replace: `      SELECT tenant_id, recipient_id, (SELECT max(y.seq) FROM x y WHERE (y.tenant_id, y.recipient_id) = (x.tenant_id, x.recipient_id)), n,
        coalesce(`,
      },
      {
        file: DELIVER,
        find: 'SET last_id = i.last_id + excluded.last_id, unread',
        replace: 'SET last_id = greatest(i.last_id, excluded.last_id), unread',
      },
      { file: DELIVER, find: 'c.last_id - x.n + x.rn, x.message_id', replace: 'x.seq, x.message_id' },
      { file: DELIVER, find: "const fillOne = fillOneWith('', '');", replace: 'const fillOne = fill;' },
    ],
    settings: { faults: [] },
  },
  {
    name: 'neither a gap nor a sweep makes the hub look',
    patches: [
      {
        file: 'stream/sweeper.ts',
        find: 'const all = this.hasGap || performance.now() >= this.sweepAt;',
        replace: 'const all = false;',
      },
    ],
    settings: { faults: ['deaf', 'half-open-broker'] },
  },
  {
    name: 'the sweep compares with what another stream was told',
    patches: [{ file: INBOX, find: 'reader !== this.readers.live', replace: 'false' }],
    settings: UNHINTED,
  },
  {
    name: 'a state frame moves the cursor',
    patches: [
      {
        file: CONNECTION,
        find: "frames.push({ type: 'state', id: this.lastEventId, data",
        replace: "frames.push({ type: 'state', id: this.lastEventId = String(update.numbers.lastId), data",
      },
    ],
    settings: { faults: [], clientFaultEveryMs: 3_000 },
  },
  {
    name: 'details of a change go out without a look at its revision',
    patches: [
      {
        file: 'stream/update.ts',
        find: 'this.change?.revision === revision && revision === knownRevision + 1',
        replace: 'this.change && revision === knownRevision + 1',
      },
    ],
    settings: { ...MARKED, faults: [] },
  },
  {
    name: 'the relay deletes in a statement of its own, after the delivery',
    patches: [
      {
        file: DELIVER,
        find: `DELETE FROM \${s}.outbox o USING mine WHERE o.pos = mine.pos
        RETURNING o.pos AS ord, o.payload AS p, coalesce((o.payload ->> 'id')::uuid, gen_random_uuid()) AS id)`,
        replace: `SELECT o.pos AS ord, o.payload AS p, coalesce((o.payload ->> 'id')::uuid, gen_random_uuid()) AS id
      FROM \${s}.outbox o JOIN mine USING (pos))`,
      },
      {
        file: 'inbox/row-sender.ts',
        find: `    const taken = new Set(`,
        replace: `      await this.database.query(\`DELETE FROM \${this.database.schema}.outbox WHERE pos = ANY ($1)\`, [positions]);
    const taken = new Set(`,
      },
    ],
    settings: { faults: ['kill', 'backends'] },
  },
  {
    name: 'live frames are taken without a look at the position',
    patches: [
      {
        file: CONNECTION,
        find: 'const items = update.items.filter((item) => item.id > this.position);',
        replace: 'const items = update.items;',
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'a stream that fell behind takes what is live all the same',
    patches: [
      {
        file: CONNECTION,
        find: 'const gap = update.after === null || update.after > this.position;',
        replace: 'const gap = false;',
      },
    ],
    // One stream for each inbox, which is opened just when something comes.
    settings: { faults: [], recipients: 120, connections: 120, clientFaultEveryMs: 1_500, writesPerSecond: 120 },
  },
  {
    name: 'goes live without a look at what was read meanwhile',
    patches: [
      { file: CONNECTION, find: '!this.inbox.isOutdated(page)', replace: 'true' },
      { file: INBOX, find: 'reader !== this.readers.live', replace: 'false' },
    ],
    settings: UNHINTED,
  },
  {
    name: 'the badge is counted by differences',
    patches: [
      {
        file: CONNECTION,
        find: "frames.push({ type: 'state', id: this.lastEventId, data: update.state(this.numbers.revision) });",
        replace: `const state = JSON.parse(update.state(this.numbers.revision));
    state.unread = this.numbers.unread + items.length - (state.read?.length ?? 0) + (state.unreadIds?.length ?? 0);
    update = Object.assign(Object.create(Update.prototype), update, { numbers: { ...update.numbers, unread: state.unread } });
    frames.push({ type: 'state', id: this.lastEventId, data: JSON.stringify(state) });`,
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'the count of unread starts from a snapshot instead of the locked row',
    patches: [
      {
        file: DELIVER,
        find: 'unread = i.unread + excluded.unread',
        replace: `unread = excluded.unread + (SELECT b.unread FROM \${s}.inbox b
          WHERE b.tenant_id = excluded.tenant_id AND b.recipient_id = excluded.recipient_id)`,
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'what expires stays in the count',
    patches: [{ file: 'inbox/purge.ts', find: 'SET unread = i.unread - c.unread, revision', replace: 'SET revision' }],
    settings: { faults: [] },
  },
  {
    name: 'a broadcast comes once for each stream that finds it',
    patches: [
      {
        file: 'inbox/inbox.statements.ts',
        find: `FROM (SELECT DISTINCT * FROM unnest\${COLLECT} u(tenant_id, recipient_id)) c
        JOIN \${s}.inbox i USING (tenant_id, recipient_id)
        WHERE`,
        replace: `FROM unnest\${COLLECT} c(tenant_id, recipient_id)
        JOIN \${s}.inbox i USING (tenant_id, recipient_id)
        WHERE`,
      },
    ],
    // Broadcast while the streams are away, which then come back together.
    settings: { faults: ['kill', 'postgres'], instances: 2, connections: 300, faultEveryMs: 1_000 },
  },
  {
    name: 'inboxes are locked in any order',
    patches: [
      {
        file: DELIVER,
        find: 'ORDER BY tenant_id, recipient_id -- the one lock order of every writer: no deadlocks',
        replace: 'ORDER BY random()',
      },
    ],
    settings: { faults: [], recipients: 24, connections: 24, writesPerSecond: 150 },
  },
  {
    name: 'the hub knows recipients without their tenant',
    patches: [
      {
        file: 'stream/connected-inboxes.ts',
        find: "import { nameOf } from '../inbox-name.js';",
        replace: 'const nameOf = ({ recipient }: InboxKey) => recipient;',
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'what is for later is delivered at once',
    patches: [
      {
        file: 'inbox/outbox-line.statement.ts',
        find: 'WHERE deliver_at <= now() AND pos <> ALL ($1::bigint[]) AND ($2',
        replace: 'WHERE deliver_at IS NOT NULL AND message_id IS NULL AND pos <> ALL ($1::bigint[]) AND ($2',
      },
    ],
    settings: { faults: [] },
  },
  {
    name: 'a replay that is too long leaves the rest out and says nothing',
    patches: [
      { file: CONNECTION, find: 'if (lost) this.send([resetFrame(page.numbers)]);', replace: '' },
      { file: CONNECTION, find: 'missed > this.limits.maxReplay', replace: 'missed > 3' },
    ],
    settings: { faults: [] },
  },
  {
    name: 'a hiccup is logged as an error',
    patches: [
      {
        file: 'incidents.ts',
        find: `this.logger.warn(\`\${task}: \${what}`,
        replace: `this.logger.error(\`\${task}: \${what}`,
      },
    ],
    settings: { faults: ['backends', 'postgres'] },
  },
  {
    name: 'connections() counts those that have left',
    patches: [{ file: HUB, find: 'this.connectionCount -= 1;', replace: '' }],
    settings: { faults: [] },
  },
  {
    name: 'places of streams are not given back',
    patches: [
      {
        file: 'stream/admission.ts',
        find: 'return this.output !== undefined && isGone(this.output);',
        replace: 'return false;',
      },
    ],
    settings: { faults: [], neighbours: ['pipelining'] },
  },
  {
    name: 'a large message is done with its first recipients',
    patches: [
      { file: 'inbox/relay-delivery.ts', find: 'if (slice.isOver) {', replace: 'if (slice) {' },
      {
        file: DELIVER,
        find: "SET message_id = stored.id, progress = $3::int, deliver_at = 'infinity'",
        replace: "SET message_id = stored.id, progress = 100000, deliver_at = 'infinity'",
      },
    ],
    settings: { faults: [], neighbours: ['large'] },
  },
  {
    name: 'a large message goes on where it was not',
    patches: [
      { file: DELIVER, find: 'AND o.progress = $3::int', replace: 'AND $3::int IS NOT NULL' },
      {
        file: DELIVER,
        find: 'SET progress = $4::int FROM mine',
        replace: 'SET progress = greatest(o.progress - 100, 1) FROM mine',
      },
    ],
    settings: { faults: ['kill', 'backends'], neighbours: ['large', 'large-refused'] },
  },
  {
    name: 'what is refused is dropped',
    patches: [
      {
        file: 'inbox/relay-delivery.ts',
        find: 'for (const { pos } of batch) this.setbacks.push({ pos, error, ...(batch.length > 1 ? SUSPECTED : { counts: 1 }) });',
        replace: `await this.database.query(\`DELETE FROM \${this.database.schema}.outbox WHERE pos = ANY ($1)\`, [
      batch.map(({ pos }) => pos),
    ]);`,
      },
    ],
    settings: { faults: [], neighbours: ['poison', 'large-refused'] },
  },
  {
    name: 'signals are believed unsigned',
    patches: [{ file: 'broker/message.ts', find: 'if (signal !== undefined && !isSigned) continue;', replace: '' }],
    // What is not signed is read at all only where an instance of the version before may have sent it.
    settings: { faults: [], instancesBefore: 1, neighbours: ['forged-messages'] },
  },
];
