import type { Ledger } from './ledger.js';
import type { Outcome } from './run.js';

/** What a run did and found, for people. */
export function tableOf({ settings, tally, ledger, ...outcome }: Outcome): string {
  const rows: [string, string | number][] = [
    ['broker', settings.broker],
    ['instances, recipients, connections', `${settings.instances}, ${settings.recipients}, ${settings.connections}`],
    ['instances of the version before', outcome.before],
    ['seconds of faults, to settle', `${settings.seconds}, ${outcome.settledAfter.toFixed(1)}`],
    ['notifications wanted', tally.of('wanted')],
    ['  acknowledged', tally.of('acknowledged')],
    ['  stored, in inboxes at the end', `${outcome.stored}, ${outcome.items}`],
    ['calls without an answer', tally.of('writes without an answer')],
    ['changes (read, unread, remove)', tally.of('changes')],
    ['frames received', tally.of('frames')],
    ['  of them notifications', tally.of('notifications received')],
    ['connects', tally.of('connects')],
    ['resets', tally.of('resets')],
    ['details applied, reloads', `${tally.of('details applied')}, ${tally.of('reloads')}`],
    ['audits of what is shown', tally.of('audits')],
    ...tally.startingWith('close ').map(([name, count]): [string, number] => [`closed: ${name}`, count]),
    ...tally.startingWith('refused ').map(([name, count]): [string, number] => [`refused: ${name}`, count]),
    ['bad rows in the outbox, parked at the end', `${outcome.poison.rows}, ${outcome.poison.parked}`],
    ...tally.maxima.map(([name, value]): [string, number] => [name, Math.round(value)]),
    ...tally.startingWith('rejected ').map(([name, count]): [string, number] => [`rejected: ${name}`, count]),
    ...tally.startingWith('log line').map(([name, count]): [string, number] => [`lines logged:${name}`, count]),
    ['bytes logged', tally.of('log bytes')],
    ['signals forged that came to streams', tally.of('signals forged')],
    ['real messages overheard by the stranger', tally.of('overheard')],
    ['instances that failed to start, and tried again', tally.of('failed starts')],
    ...tally.startingWith('fault ').map(([name, count]): [string, number] => [`fault: ${name}`, count]),
    ...tally.startingWith('neighbour ').map(([name, count]): [string, number] => [`neighbour: ${name}`, count]),
    ['violations', [...ledger.violations.values()].reduce((sum, { count }) => sum + count, 0)],
  ];
  const width = Math.max(...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join('\n');
}

export function violationsOf(ledger: Ledger): string {
  return [...ledger.violations]
    .map(
      ([rule, { count, details }]) =>
        `VIOLATED ${count} times: ${rule}\n${details.map((one) => `  - ${one}`).join('\n')}`,
    )
    .join('\n');
}
