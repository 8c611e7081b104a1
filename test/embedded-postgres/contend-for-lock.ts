import { appendFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { TicketLock } from '../../src/embedded-postgres/ticket-lock.js';

// Takes the lock argv[2] a hundred times and writes into the journal argv[3] when it is inside; then finishes, or dies
// while holding it.
const [directory = '', journal = '', end] = process.argv.slice(2);
const lock = new TicketLock(directory);
for (let round = 1; ; round += 1) {
  const ticket = await lock.acquire(20_000);
  appendFileSync(journal, `entered ${process.pid}\n`);
  if (round % 10 === 0) await sleep(1);
  if (end === 'die' && round === 20) {
    appendFileSync(journal, `died ${process.pid}\n`);
    process.kill(process.pid, 'SIGKILL');
  }
  appendFileSync(journal, `left ${process.pid}\n`);
  ticket.release();
  if (end === 'finish' && round === 100) break;
}
