import type { MarkCheck } from './check.js';

const EMPTY = Buffer.alloc(0);
const TEXT = 0x1;
const PING = 0x9;
const PONG = 0xa;

/** Reads what one connection receives of a WebSocket (RFC 6455), with Engine.IO 4 on it or without. */
export class WebSocketReader {
  isLive = false;
  readonly lastEventId = null;
  private head = true;
  private rest = EMPTY;

  /** @param write sends bytes to the server. */
  constructor(
    private readonly check: MarkCheck,
    private readonly engineIo: boolean,
    private readonly write: (bytes: Buffer) => void,
    private readonly onLive: () => void,
  ) {}

  /** @throws if the upgrade was refused, a frame is broken, or the check fails. */
  read(bytes: Buffer): void {
    const data = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    this.rest = EMPTY;
    let at = 0;
    if (this.head) {
      const end = data.indexOf('\r\n\r\n');
      if (end === -1) {
        this.rest = Buffer.from(data);
        return;
      }
      const status = data.toString('latin1', 0, data.indexOf('\r\n'));
      if (!status.startsWith('HTTP/1.1 101 ')) throw new Error(`The upgrade was refused: ${status}`);
      this.head = false;
      at = end + 4;
      if (!this.engineIo) this.live();
    }
    for (;;) {
      const frame = frameAt(data, at);
      if (!frame) break;
      this.readFrame(frame.opcode, data, frame.start, frame.end);
      at = frame.end;
    }
    if (at < data.length) this.rest = Buffer.from(data.subarray(at));
  }

  private readFrame(opcode: number, data: Buffer, start: number, end: number): void {
    if (opcode === PING) {
      this.write(masked(PONG, data.subarray(start, end)));
      return;
    }
    if (opcode !== TEXT) throw new Error(`Recipient ${this.check.recipient} got a frame of type ${opcode}`);
    if (this.check.frame(data, start, end)) return;
    const text = data.toString('utf8', start, end);
    if (!this.engineIo) throw new Error(`Recipient ${this.check.recipient} got a broken frame: ${text}`);
    // Engine.IO: 0 open, 2 ping, 3 pong, 4 message; Socket.IO in a message: 0 connect.
    if (text.startsWith('0')) this.write(masked(TEXT, Buffer.from('40')));
    else if (text === '2') this.write(masked(TEXT, Buffer.from('3')));
    else if (text.startsWith('40')) this.live();
    else throw new Error(`Recipient ${this.check.recipient} got a broken packet: ${text}`);
  }

  private live(): void {
    this.isLive = true;
    this.onLive();
  }
}

/** Where the payload of the frame at `at` is; undefined if the frame is not complete. */
function frameAt(data: Buffer, at: number): { opcode: number; start: number; end: number } | undefined {
  if (data.length < at + 2) return undefined;
  const first = data[at] as number;
  if ((first & 0x80) === 0) throw new Error('A message is fragmented');
  let length = (data[at + 1] as number) & 0x7f;
  let start = at + 2;
  if (length === 126) {
    if (data.length < start + 2) return undefined;
    length = data.readUInt16BE(start);
    start += 2;
  } else if (length === 127) {
    if (data.length < start + 8) return undefined;
    length = Number(data.readBigUInt64BE(start));
    start += 8;
  }
  if (data.length < start + length) return undefined;
  return { opcode: first & 0x0f, start, end: start + length };
}

/** A client's frame; masked by zeros, which leaves it as it is. */
function masked(opcode: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([0x80 | opcode, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}
