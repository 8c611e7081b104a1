import { run } from '../package/processes.js';

/** Can packages be fetched? */
export async function registryAnswers(): Promise<boolean> {
  try {
    await run('.', 'npm', ['ping', '--fetch-retries=0', '--fetch-timeout=5000']);
    return true;
  } catch {
    return false;
  }
}
