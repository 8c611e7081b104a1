import type { MarkCheck } from './check.js';

const LF = 0x0a;
const CR = 0x0d;
const EMPTY = Buffer.alloc(0);
/** Events without a mark that a stream may have; anything else that has no mark is a broken frame. */
const UNMARKED = /^(\n|:.*|retry: ?\d+|event: (ready|state|ping|reset)(\n(id|retry): .*)*\ndata: .*)$/;

/**
 * Reads what one connection receives: an HTTP/1.1 response, chunked or not, that is an event stream. Bytes, and no
 * strings where it can be helped: the load client has to be much cheaper than what it measures.
 */
export class EventStreamReader {
  /** Is the stream live? */
  isLive = false;
  lastEventId: string | null = null;
  private head = true;
  private chunked = false;
  private raw = EMPTY;
  private body = EMPTY;

  constructor(
    private readonly check: MarkCheck,
    private readonly liveMark: string | undefined,
    private readonly onLive: () => void,
  ) {}

  /** @throws if the response is no event stream, or the check fails. */
  read(bytes: Buffer): void {
    let data = this.raw.length > 0 ? Buffer.concat([this.raw, bytes]) : bytes;
    this.raw = EMPTY;
    if (this.head) {
      const end = data.indexOf('\r\n\r\n');
      if (end === -1) {
        this.keep(data);
        return;
      }
      this.readHead(data.toString('latin1', 0, end));
      data = data.subarray(end + 4);
    }
    if (data.length === 0) return;
    if (this.chunked) this.readChunks(data);
    else this.readBody(data);
  }

  private readHead(head: string): void {
    if (!head.startsWith('HTTP/1.1 200 ')) throw new Error(`The stream was refused: ${head.split('\r\n')[0]}`);
    if (!/^content-type: text\/event-stream/im.test(head)) throw new Error('The response is no event stream');
    this.chunked = /^transfer-encoding: chunked/im.test(head);
    this.head = false;
  }

  private readChunks(data: Buffer): void {
    let at = 0;
    while (at < data.length) {
      const lineEnd = data.indexOf(LF, at);
      if (lineEnd === -1) break;
      const size = Number.parseInt(data.toString('latin1', at, lineEnd - 1), 16);
      if (!Number.isInteger(size) || data[lineEnd - 1] !== CR) throw new Error('A chunk has no size');
      if (size === 0) throw new Error('The stream has ended');
      const end = lineEnd + 1 + size;
      if (end + 2 > data.length) break;
      if (data[end] !== CR || data[end + 1] !== LF) throw new Error('A chunk has another size than it says');
      this.readBody(data.subarray(lineEnd + 1, end));
      at = end + 2;
    }
    if (at < data.length) this.keep(data.subarray(at));
  }

  private readBody(part: Buffer): void {
    const data = this.body.length > 0 ? Buffer.concat([this.body, part]) : part;
    this.body = EMPTY;
    let at = 0;
    while (at < data.length) {
      // An empty line more, as Nest begins with.
      if (data[at] === LF) {
        at += 1;
        continue;
      }
      const end = data.indexOf('\n\n', at);
      if (end === -1) break;
      this.readEvent(data, at, end);
      at = end + 2;
    }
    if (at < data.length) this.body = Buffer.from(data.subarray(at));
    if (!this.isLive && this.liveMark === undefined) this.live();
  }

  private readEvent(data: Buffer, start: number, end: number): void {
    if (this.check.frame(data, start, end)) {
      this.lastEventId = idOf(data, start, end) ?? this.lastEventId;
      return;
    }
    const text = data.toString('utf8', start, end);
    if (!UNMARKED.test(text)) throw new Error(`Recipient ${this.check.recipient} got a broken frame: ${text}`);
    this.lastEventId = /^id: (.*)$/m.exec(text)?.[1] ?? this.lastEventId;
    if (!this.isLive && this.liveMark !== undefined && text.includes(this.liveMark)) this.live();
  }

  private live(): void {
    this.isLive = true;
    this.onLive();
  }

  /** A copy: what is read into is used again. */
  private keep(data: Buffer): void {
    this.raw = Buffer.from(data);
  }
}

/** The value of the field `id`, whose line is the first or the second. */
function idOf(data: Buffer, start: number, end: number): string | null {
  let at = start;
  for (let line = 0; line < 2 && at < end; line++) {
    const lineEnd = data.indexOf(LF, at);
    if (data[at] === 0x69 && data[at + 1] === 0x64)
      return data.toString('latin1', at + (data[at + 3] === 0x20 ? 4 : 3), Math.min(lineEnd, end));
    if (lineEnd === -1) return null;
    at = lineEnd + 1;
  }
  return null;
}
