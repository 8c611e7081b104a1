import { randomBytes } from 'node:crypto';

const ENVIRONMENT_VARIABLE = 'NCN_TEST_RUN';

/** Starts a run: its workers inherit the token, which is part of the name of everything the run leaves outside. */
export function issueRunToken(): void {
  process.env[ENVIRONMENT_VARIABLE] = `${Date.now().toString(36)}${randomBytes(3).toString('hex')}`;
}

/** The token of the current run: its start time, so that leftovers of killed runs tell their age, and some chance. */
export function runToken(): string {
  const token = process.env[ENVIRONMENT_VARIABLE];
  if (!token)
    throw new Error(`${ENVIRONMENT_VARIABLE} is missing: this must run in Jest, after test/support/global-setup.ts`);
  return token;
}

export function ageOfRunMs(token: string): number {
  return Date.now() - Number.parseInt(token.slice(0, -6), 36);
}
