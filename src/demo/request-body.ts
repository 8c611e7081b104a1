import { BadRequestException } from '@nestjs/common';

/** A field of a JSON body. @throws {BadRequestException} unless it is a string that says something. */
export function textIn(body: unknown, field: string): string {
  const value = typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[field] : undefined;
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new BadRequestException(`The body must be JSON with "${field}", a string that is not blank.`);
}
