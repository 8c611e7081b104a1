import { NotificationsError } from '../notifications.error.js';

/**
 * Loads a package that only those install who use it.
 *
 * @param load imports it; a literal `import()`, so that bundlers see it.
 * @throws {NotificationsError} `INVALID_OPTIONS` if that fails, which ends the start of the application.
 */
export async function optionalPackage<T>(user: string, name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('\n')[0] : cause;
    const message = `${user} needs the package ${name}: run \`npm install ${name}\`. (Loading it failed: ${reason})`;
    throw new NotificationsError('INVALID_OPTIONS', message, { cause });
  }
}
