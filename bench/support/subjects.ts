import type { Subject } from './server-process.js';

/** The yardstick that every other is divided by. */
export const RAW = 'raw node:http';

/** Ours and its peers, by the names in the tables. */
export const SUBJECTS: readonly Subject[] = [
  { name: RAW, file: 'raw-http.ts' },
  { name: 'ours, signal', file: 'ours.ts', args: ['--send', 'signal'], needsPostgres: true },
  { name: 'ours, notify', file: 'ours.ts', args: ['--send', 'notify'], needsPostgres: true },
  { name: 'Nest @Sse, Subject + filter', file: 'nest-sse-tutorial.ts' },
  { name: 'Nest @Sse, map', file: 'nest-sse-map.ts' },
  { name: 'better-sse', file: 'better-sse.ts' },
  { name: 'ws', file: 'ws.ts' },
  { name: 'socket.io', file: 'socket-io.ts' },
  { name: 'Nest gateway, socket.io', file: 'nest-socket-io.ts' },
];

export function subjectNamed(name: string): Subject {
  const subject = SUBJECTS.find((one) => one.name === name);
  if (!subject) throw new Error(`There is no subject ${name}`);
  return subject;
}
