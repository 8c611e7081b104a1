import type { Answer, Listening, Request } from '../servers/protocol.js';
import { Child } from './child.js';
import { cpuOf, rssOf } from './process-usage.js';
import { streamPaths } from './stream-paths.js';

/** What is measured: a server's file in bench/servers, and how it is started. */
export interface Subject {
  name: string;
  file: string;
  args?: readonly string[];
  /** Of those to one recipient each; fewer where one takes long. */
  messages?: number;
  /** How long after a message nobody may connect, lest the message comes to him too. @default 0 */
  settleMs?: number;
  /** It runs this library: it is given an empty database and the library's entry, `--postgres URL --library URL`. */
  isOurs?: boolean;
}

/** A server under measurement, in a process of its own. */
export class ServerProcess {
  private constructor(
    private readonly subject: Subject,
    private readonly child: Child<Request, Answer>,
    readonly listening: Listening,
  ) {}

  /** @param ours what a subject of ours needs. */
  static async start(subject: Subject, ours?: { postgresUrl: string; library: string }): Promise<ServerProcess> {
    const { file, args = [] } = subject;
    const url = new URL(`../servers/${file}`, import.meta.url);
    const all = [...args, ...(ours ? ['--postgres', ours.postgresUrl, '--library', ours.library] : [])];
    const child = Child.start<Request, Answer>(url, all, { NODE_ENV: 'production' });
    return new ServerProcess(subject, child, await child.next<Listening>());
  }

  /** Where recipients connect, with whatever they need to be let in. */
  async paths(recipients: number): Promise<string[]> {
    const { path = '/stream?user=' } = this.listening;
    if (this.subject.isOurs) return await streamPaths(recipients);
    return Array.from({ length: recipients }, (_, user) => `${path}${user}`);
  }

  async send(request: Extract<Request, { do: 'targeted' | 'broadcast' | 'offer' }>): Promise<void> {
    await this.child.ask<{ done: true }>(request);
  }

  /** Of a server in JavaScript. */
  async collectGarbage(): Promise<void> {
    await this.child.ask<{ done: true }>({ do: 'collect' });
  }

  async connections(): Promise<number> {
    return (await this.child.ask<{ connections: number }>({ do: 'connections' })).connections;
  }

  /** CPU time used so far, in milliseconds. */
  get cpuMs(): number {
    return cpuOf(this.pid);
  }

  /** Memory, in KB. */
  get rssKb(): number {
    return rssOf(this.pid);
  }

  async end(): Promise<void> {
    await this.child.end();
  }

  private get pid(): number {
    return this.listening.pid ?? this.child.pid;
  }
}
