import type { LogEntry } from './instance/protocol.js';
import type { Ledger } from './ledger.js';
import type { Tally } from './tally.js';
import type { Trouble, TroubleKind } from './trouble.js';

/** What may be logged as an error, and what must have happened for it. */
const EXPECTED: readonly { pattern: RegExp; causes: readonly TroubleKind[]; isLasting?: boolean }[] = [
  // Bad rows are tried again until they are parked, those of a newer version after ten minutes.
  { pattern: /\boutbox rows? /i, causes: ['poison', 'large-refused'], isLasting: true },
];

/** Reads what an instance logs. An error that nobody has caused is a violation. */
export class InstanceLog {
  private rest = '';
  /** How long after its last SIGTERM the instance was still busy with transactions of the host itself. */
  hostMs = 0;
  /** What the last shutdown waited for that took too long. */
  late = '';

  constructor(
    private readonly name: string,
    /** What the version before logs is nobody's concern. */
    private readonly isBefore: boolean,
    private readonly trouble: Trouble,
    private readonly ledger: Ledger,
    private readonly tally: Tally,
  ) {}

  /** Of the process's standard error, in which there should be nothing else. */
  onOutput(chunk: string): void {
    if (this.isBefore) return;
    this.tally.add('log bytes', chunk.length);
    const lines = (this.rest + chunk).split('\n');
    this.rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') this.onLine(line);
  }

  private onLine(line: string): void {
    const { level, text } = parse(line);
    if (level === 'host') {
      this.hostMs = Number(text);
      return;
    }
    if (level === 'late') {
      this.late = text;
      return;
    }
    this.tally.add(`log line ${level}`);
    if (process.env.CHAOS_DEBUG) process.stderr.write(`${this.name} ${level}: ${text.slice(0, 500)}\n`);
    if (level === 'warn') return;
    // The relay of the version before may wait for an inbox that somebody has locked.
    const isOfBefore = text.includes("application 'before notifications'");
    const isExpected =
      isOfBefore ||
      EXPECTED.some(
        ({ pattern, causes, isLasting = false }) =>
          pattern.test(text) && causes.some((kind) => this.trouble.hasBeen(kind, isLasting)),
      );
    if (!isExpected)
      this.ledger.violate('no error is logged that nobody caused', `${this.name}: ${text.slice(0, 600)}`);
  }
}

/** What is no entry of the logger, such as a warning of Node or a stack, is worth as much as an error. */
function parse(line: string): LogEntry {
  try {
    const { level, text } = JSON.parse(line);
    if (typeof level === 'string' && typeof text === 'string') return { level, text } as LogEntry;
  } catch {
    // Not ours.
  }
  return { level: 'error', text: line };
}
