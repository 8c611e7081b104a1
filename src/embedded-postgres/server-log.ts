import { closeSync, openSync, readFileSync, renameSync, statSync } from 'node:fs';

const MAX_BYTES = 4 * 1024 * 1024;
const TAIL_LINES = 15;

/** What the server prints. One older file is kept, so that it doesn't grow for ever. */
export class ServerLog {
  readonly descriptor: number;
  private readonly startsAt: number;

  constructor(readonly path: string) {
    if (size(path) > MAX_BYTES) renameSync(path, `${path}.1`);
    this.startsAt = size(path);
    this.descriptor = openSync(path, 'a');
  }

  /** The last lines since this log was opened. */
  tail(): string {
    const text = readFileSync(this.path).subarray(this.startsAt).toString('utf8');
    return text.trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
  }

  close(): void {
    closeSync(this.descriptor);
  }
}

function size(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
