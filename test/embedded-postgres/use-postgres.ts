import { startEmbeddedPostgres } from '../../src/embedded-postgres/embedded-postgres.js';

// A process that uses the embedded Postgres of the data directory argv[2]. It prints what it got as a line of JSON, then
// obeys one word on stdin: `stop` (and leave the process to end by itself) or `exit` (process.exit without stopping).
const [dataDir = '', settings = '{}'] = process.argv.slice(2);
const postgres = await startEmbeddedPostgres({ dataDir, settings: JSON.parse(settings) });
console.log(JSON.stringify({ url: postgres.url, port: postgres.port, pid: postgres.pid }));

process.stdin.once('data', async (command) => {
  if (String(command).trim() === 'exit') process.exit(0);
  await postgres.stop();
  process.stdin.destroy();
});
