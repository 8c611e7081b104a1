import { connect, type Socket } from 'node:net';

const CLOSED = 'The server has closed a connection that polls';

/** A client's connection, on which one poll follows another: no more of HTTP than a poll needs. */
export class KeptAliveConnection {
  private received = '';
  private readonly socket: Socket;
  private last: Promise<unknown> = Promise.resolve();
  private settle?: { resolve(body: string): void; reject(error: Error): void };

  /** @param buffer to read into, shared by all: what has come is taken out of it at once. */
  private constructor(port: number, buffer: Buffer) {
    const callback = (length: number) => {
      this.onData(buffer.toString('latin1', 0, length));
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer, callback } });
    this.socket = socket;
    socket.on('error', (error) => this.settle?.reject(error));
    socket.on('close', () => this.settle?.reject(new Error(CLOSED)));
  }

  static async open(port: number, buffer: Buffer): Promise<KeptAliveConnection> {
    const connection = new KeptAliveConnection(port, buffer);
    await new Promise<void>((resolve, reject) => connection.socket.once('connect', resolve).once('error', reject));
    return connection;
  }

  /** @returns the body, once the answers before it are there. */
  get(path: string): Promise<string> {
    const answer = this.last.then(() => this.ask(path));
    this.last = answer.catch(() => {});
    return answer;
  }

  private ask(path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.socket.destroyed) throw new Error(CLOSED);
      this.settle = { resolve, reject };
      this.socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n`);
    });
  }

  private onData(chunk: string): void {
    this.received += chunk;
    const end = this.received.indexOf('\r\n\r\n');
    if (end < 0) return;
    const head = this.received.slice(0, end);
    const length = Number(/^content-length: *(\d+)\r?$/im.exec(head)?.[1]);
    const body = this.received.slice(end + 4);
    if (body.length < length) return;
    this.received = '';
    if (head.startsWith('HTTP/1.1 200 ') && body.length === length) this.settle?.resolve(body);
    else this.settle?.reject(new Error(`Not the answer to a poll: ${head}`));
  }
}
