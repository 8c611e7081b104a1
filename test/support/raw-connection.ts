import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { eventually } from './eventually.js';

/** A TCP connection to a server, for what no HTTP client sends or shows. */
export class RawConnection {
  /** All that came, a character a byte. */
  received = '';
  /** The server has closed its side. */
  ended = false;
  /** The connection is no more. */
  closed = false;

  private constructor(
    readonly socket: Socket,
    /** What `socket` stands on with TLS. */
    private readonly tcp: Socket = socket,
  ) {
    socket.setEncoding('latin1');
    socket.on('data', (chunk: string) => {
      this.received += chunk;
    });
    socket.on('end', () => {
      this.ended = true;
    });
    socket.on('close', () => {
      this.closed = true;
    });
    socket.on('error', () => {});
  }

  /**
   * Keeps its own side open when the server closes its one.
   *
   * @param ca of a server with TLS.
   */
  static async open(url: string, ca?: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const tcp = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
    await new Promise((resolve, reject) => tcp.once('connect', resolve).once('error', reject));
    if (!ca) return new RawConnection(tcp);
    const socket = connectTls({ socket: tcp, host: hostname, ca, ALPNProtocols: ['http/1.1'] });
    await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
    return new RawConnection(socket, tcp);
  }

  send(...lines: string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  /** Resolves once the text has come, after what came before `from`. */
  async until(text: string, from = 0): Promise<void> {
    await eventually(() => {
      if (this.received.includes(text, from)) return;
      throw new Error(`Not received: ${JSON.stringify(text)}. Received: ${JSON.stringify(this.received.slice(from))}`);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  /** Leaves without a word, as a process that crashes. */
  reset(): void {
    this.tcp.resetAndDestroy();
  }
}
