import { Logger } from '@nestjs/common';

/**
 * Text for the log that others have had a hand in: rows of the outbox and the names of their fields, what Postgres and other
 * servers answer, names of roles and applications. It must not begin a line of its own there, drive the terminal that shows it, or
 * turn its direction.
 */
export function oneLine(text: string): string {
  return text.replace(/[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]+/gu, ' ');
}

/** The same of an error: its message in one line, and where it was thrown below that. */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return oneLine(`${typeof error} thrown: ${String(error)}`);
  const message = String(error);
  const stack = error.stack ?? '';
  // A stack begins with the message, which may hold lines that look like those of a stack.
  const frames = stack.startsWith(message) ? stack.slice(message.length) : stack;
  const lines = frames.split('\n').filter((line) => /^\s+at /.test(line));
  return [message, ...lines].map(oneLine).join('\n');
}

/** Logs one line, whoever has written what is in it. */
export class OneLineLogger {
  private readonly logger: Logger;

  constructor(context: string) {
    this.logger = new Logger(context);
  }

  warn(message: string): void {
    this.logger.warn(oneLine(message));
  }

  error(message: string): void {
    this.logger.error(oneLine(message));
  }
}
