import { StreamTokens } from '../../src/notifications/http/stream-token.js';

export const TOKEN_SECRET = 'a secret of the measurement';
const HOUR_MS = 3_600_000;

export function recipientOf(user: number): string {
  return `user-${user}`;
}

/**
 * Where recipients 0 to `recipients` - 1 open their streams, each with a stream token of a session of eight hours: made
 * here, by the code that issues them, so that what is measured is the connection and not the login before it.
 */
export async function streamPaths(recipients: number): Promise<string[]> {
  const options = { streamToken: { secret: TOKEN_SECRET, ttlMs: HOUR_MS } };
  const tokens = new StreamTokens(options as never, { streamsValidFrom: async () => 0 } as never);
  const expiresAt = new Date(Date.now() + 8 * HOUR_MS);
  const paths: string[] = [];
  for (let user = 0; user < recipients; user++) {
    const { token } = await tokens.issue({ recipient: recipientOf(user), expiresAt });
    paths.push(`/notifications/stream?token=${token}`);
  }
  return paths;
}

/** The inboxes that those logins would have started. */
export const CREATE_INBOXES = `
  INSERT INTO notifications.inbox (tenant_id, recipient_id, broadcast_position)
  SELECT '', 'user-' || n, 0 FROM generate_series(0, 19999) n`;
