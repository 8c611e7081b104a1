import { NotificationsError } from '../notifications.error.js';

const MIN_LENGTH = 16;

/**
 * The bytes of a shared secret.
 *
 * @throws {NotificationsError} `INVALID_OPTIONS` if it has fewer than 16 characters. The message doesn't contain it.
 */
export function secretBytes(option: string, secret: unknown): Uint8Array {
  if (typeof secret !== 'string' || secret.length < MIN_LENGTH) {
    throw new NotificationsError(
      'INVALID_OPTIONS',
      `NotificationsModule: ${option} must be a string of at least ${MIN_LENGTH} characters: shorter ones can be guessed. ` +
        'Make one with `openssl rand -base64 32`.',
    );
  }
  return new TextEncoder().encode(secret);
}
