import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '../support/random.js';
import { EventStream } from './event-stream.js';
import { IDENTITY_HEADER, WAIT_HEADER } from './instance/protocol.js';
import type { Ledger } from './ledger.js';

/** Recipients of their own: nobody else needs their places. */
const RUDE = Array.from({ length: 4 }, (_, i) => `rude/rude-${i}`);
const STREAMS = 20;
/** A module allows a recipient so many streams by default. */
const PLACES = 20;
const WAITS_MS = [0, 0, 10, 50, 100] as const;
const LEAVE_AFTER_MS = [0, 5, 20, 50, 100, 300, 1_000] as const;
const PLACES_WITHIN_MS = 20_000;

/** Clients that no browser is: they write what they like, and leave when they like. */
export class RudeClients {
  constructor(
    private readonly ledger: Ledger,
    private readonly random: Random,
  ) {}

  /** Some connections, each with many requests in one write, reset at any moment. */
  async visit(url: string): Promise<void> {
    const count = this.random.between(1, 4);
    await Promise.all(Array.from({ length: count }, () => this.pipeline(url)));
  }

  /** A stream, and requests behind it: as long as the stream lasts, the connection carries nothing else. */
  async askBehindStream(url: string): Promise<void> {
    const identity = this.random.pick(RUDE);
    const requests = [get(identity, '/stream'), ...this.several(identity, 5)];
    let received = '';
    await this.write(url, requests.join(''), async (socket) => {
      socket.setEncoding('latin1').on('data', (chunk: string) => {
        received += chunk;
      });
      await sleep(this.random.between(300, 1_500));
    });
    const heads = received.match(/^HTTP\/1\.1 \d+/gm) ?? [];
    if (heads[0]?.endsWith(' 200') && heads.length > 1) {
      this.ledger.violate(
        'a stream has its connection for itself',
        `${heads.length} answers on one: ${heads.join(', ')}`,
      );
    }
  }

  /** Each of them can still open as many streams as a recipient may. */
  async judge(url: string): Promise<void> {
    await Promise.all(RUDE.map((identity) => this.judgePlaces(url, identity)));
  }

  private async pipeline(url: string): Promise<void> {
    const { random } = this;
    const identity = random.pick(RUDE);
    // Guards that wait, each for itself: a place is taken when its client may be gone already.
    const streamWaits = random.pick(WAITS_MS);
    const streams = Array.from({ length: STREAMS }, () => get(identity, '/stream', random.between(0, streamWaits)));
    const list = get(identity, '', random.pick(WAITS_MS));
    const requests = random.pick([
      [list, ...streams],
      [...this.several(identity, 3), ...streams],
      [...streams, ...this.several(identity, 3)],
      streams,
    ]);
    await this.write(url, requests.join(''), async (socket) => {
      const untilAnswered = new Promise((resolve) => socket.once('data', resolve).once('close', resolve));
      if (random.chance(0.3)) await Promise.race([untilAnswered, sleep(2_000)]);
      else await sleep(random.pick(LEAVE_AFTER_MS) * random.next());
    });
  }

  private several(identity: string, count: number): string[] {
    return Array.from({ length: count }, () =>
      get(identity, this.random.pick(['', '/unread-count', '/stream']), this.random.pick(WAITS_MS)),
    );
  }

  private async write(url: string, text: string, meanwhile: (socket: Socket) => Promise<unknown>): Promise<void> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port) });
    socket.on('error', () => undefined);
    const connected = new Promise((resolve) => socket.once('connect', resolve).once('close', resolve));
    await connected;
    socket.write(text);
    await meanwhile(socket);
    const leave = this.random.pick(['reset', 'reset', 'end', 'close'] as const);
    if (leave === 'end') socket.end();
    if (leave === 'reset') socket.resetAndDestroy();
    else setTimeout(() => socket.destroy(), 100).unref();
  }

  /** A place is given back a moment after its client has left, so it is tried for a while. */
  private async judgePlaces(url: string, identity: string): Promise<void> {
    const deadline = Date.now() + PLACES_WITHIN_MS;
    for (;;) {
      const refused = await refusedOf(PLACES, url, identity);
      if (refused === 0) return;
      if (Date.now() > deadline) {
        const what = `${refused} of the ${PLACES} streams of ${identity} are refused at ${url}, and it has none`;
        return this.ledger.violate('a place is given back', what);
      }
      await sleep(1_000);
    }
  }
}

/** Opens so many at once, and closes them. @returns how many were not let in. */
async function refusedOf(count: number, url: string, identity: string): Promise<number> {
  const statuses = Array.from({ length: count }, () => {
    let stream: EventStream | undefined;
    return new Promise<boolean>((resolve) => {
      stream = new EventStream(url, identity, undefined, {
        onFrame: () => resolve(true),
        onEnd: () => resolve(false),
      });
    }).then((isIn) => ({ isIn, stream }));
  });
  const opened = await Promise.all(statuses);
  for (const { stream } of opened) stream?.close();
  return opened.filter(({ isIn }) => !isIn).length;
}

function get(identity: string, path: string, waitMs = 0): string {
  const headers = `host: chaos\r\n${IDENTITY_HEADER}: ${identity}\r\n${WAIT_HEADER}: ${waitMs}`;
  return `GET /notifications${path} HTTP/1.1\r\n${headers}\r\n\r\n`;
}
