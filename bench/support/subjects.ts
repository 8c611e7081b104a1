import { findOptional } from '../servers/optional.js';
import type { Subject } from './server-process.js';

/** The yardstick that every other is divided by. */
export const RAW = 'raw node:http';

/** Ours, live only, as all that the peers send; and stored in Postgres, as no peer does. */
export const OURS = {
  signal: 'ours, signal',
  notify: 'ours, notify',
  nest: 'ours, signal, by Nest',
  direct: 'ours, signal, direct',
} as const;

/** What a Nest team would really replace. */
export const GATEWAY = 'Nest gateway, socket.io';

const GO = 'Go net/http';
export const NCHAN = 'nchan (nginx)';

const SUBJECTS: readonly Subject[] = [
  { name: RAW, file: 'raw-http.ts' },
  { name: OURS.signal, file: 'ours.ts', args: ['--send', 'signal'], isOurs: true },
  { name: OURS.notify, file: 'ours.ts', args: ['--send', 'notify'], isOurs: true },
  { name: OURS.direct, file: 'ours.ts', args: ['--send', 'signal', '--direct'], isOurs: true },
  { name: OURS.nest, file: 'ours.ts', args: ['--send', 'signal', '--writer', 'nest'], isOurs: true },
  // Beyond one core from 5,000 on: as many as the others get would take minutes.
  { name: 'Nest @Sse, Subject + filter', file: 'nest-sse-tutorial.ts', messages: 500 },
  { name: 'Nest @Sse, map', file: 'nest-sse-map.ts' },
  { name: 'better-sse', file: 'better-sse.ts' },
  { name: 'ws', file: 'ws.ts' },
  { name: 'socket.io', file: 'socket-io.ts' },
  { name: GATEWAY, file: 'nest-socket-io.ts' },
  { name: GO, file: 'go.ts' },
  // It knows messages by the second.
  { name: NCHAN, file: 'nchan.ts', settleMs: 1_500 },
];

const OPTIONAL = (
  [
    [GO, 'go'],
    [NCHAN, 'nchan'],
  ] as const
).map(([name, program]) => ({ name, program, ...findOptional(program) }));

/** Why a subject can't take part on this machine. */
export const LEFT_OUT: ReadonlyMap<string, string> = new Map(
  OPTIONAL.flatMap((one) => ('leftOut' in one ? [[one.name, one.leftOut]] : [])),
);

/** Of those that are no packages of npm. */
export const OPTIONAL_VERSIONS: Record<string, string> = Object.fromEntries(
  OPTIONAL.flatMap((one) => ('version' in one ? [[one.program, one.version]] : [])),
);

/** Ours and every peer that this machine has. */
export const PEERS: readonly string[] = SUBJECTS.map(({ name }) => name).filter((name) => !LEFT_OUT.has(name));

export function subjectNamed(name: string): Subject {
  const subject = SUBJECTS.find((one) => one.name === name);
  if (!subject) throw new Error(`There is no subject ${name}`);
  return subject;
}
