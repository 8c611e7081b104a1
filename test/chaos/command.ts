import { constants } from 'node:os';
import { discardRunDataDirs } from '../support/data-dirs.js';
import { issueRunToken } from '../support/run-token.js';

/** Runs a command line's work, and leaves nothing behind: neither at its end nor when a signal ends it. */
export async function command(work: () => Promise<boolean>): Promise<never> {
  // Inside a test run its teardown clears up.
  if (!process.env.NCN_TEST_RUN) issueRunToken();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, async () => {
      await discardRunDataDirs().catch(() => undefined);
      // Exit handlers end the processes.
      process.exit(128 + constants.signals[signal]);
    });
  }
  process.exit((await work()) ? 0 : 1);
}
