const TYPE_LENGTH = 1;
const LENGTH_LENGTH = 4;

/**
 * What a client sends to Postgres, read from the bytes of its connections: each statement that it executes, and the
 * statements of a transaction as one.
 *
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
export class StatementRecorder {
  private readonly connections = new Map<number, Connection>();
  private units: string[] = [];

  /** @param chunk what connection number `connection` sends next. */
  read(connection: number, chunk: Buffer): void {
    const reader = this.connections.get(connection) ?? new Connection((unit) => this.units.push(unit));
    this.connections.set(connection, reader);
    reader.read(chunk);
  }

  /** @returns what has been executed since the last time, in order. */
  take(): string[] {
    const { units } = this;
    this.units = [];
    return units;
  }
}

class Connection {
  private rest = Buffer.alloc(0);
  private isStarted = false;
  /** Name → text of what was prepared. The unnamed one has the name ''. */
  private readonly prepared = new Map<string, string>();
  /** Of the open transaction. */
  private transaction?: string[];

  constructor(private readonly onUnit: (unit: string) => void) {}

  read(chunk: Buffer): void {
    let data = Buffer.concat([this.rest, chunk]);
    for (;;) {
      // The first message has no type.
      const head = this.isStarted ? TYPE_LENGTH : 0;
      if (data.length < head + LENGTH_LENGTH) break;
      const length = data.readInt32BE(head);
      if (length < LENGTH_LENGTH) throw new Error(`A message to Postgres is ${length} bytes long`);
      const end = head + length;
      if (data.length < end) break;
      if (this.isStarted)
        this.message(String.fromCharCode(data[0] as number), data.subarray(head + LENGTH_LENGTH, end));
      this.isStarted = true;
      data = data.subarray(end);
    }
    this.rest = Buffer.from(data);
  }

  private message(type: string, content: Buffer): void {
    const [first = '', second = ''] = content.toString('utf8').split('\0', 2);
    // Query; Parse: name, text; Bind: portal, name. Each Bind of ours is executed once.
    if (type === 'Q') this.executed(first);
    else if (type === 'P') this.prepared.set(first, second);
    else if (type === 'B') this.executed(this.prepared.get(second) ?? `(a statement ${second} that nobody prepared)`);
  }

  private executed(text: string): void {
    const statement = text.replace(/\s+/g, ' ').trim();
    const unit = [...(this.transaction ?? []), statement];
    const isBegun = this.transaction || /^(BEGIN|START TRANSACTION)\b/i.test(statement);
    if (isBegun && !/(^|; ?)(COMMIT|ROLLBACK)\b(?! TO\b)/i.test(statement)) {
      this.transaction = unit;
      return;
    }
    this.transaction = undefined;
    this.onUnit(unit.join('; '));
  }
}
