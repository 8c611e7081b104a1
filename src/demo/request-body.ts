import { BadRequestException } from '@nestjs/common';

/** A field of a JSON body, whatever it is. */
export function fieldOf(body: unknown, field: string): unknown {
  return typeof body === 'object' && body !== null ? (body as Record<string, unknown>)[field] : undefined;
}

/** A field of a JSON body. @throws {BadRequestException} unless it is a string that says something. */
export function textIn(body: unknown, field: string): string {
  const value = fieldOf(body, field);
  if (typeof value === 'string' && value.trim() !== '') return value;
  throw new BadRequestException(`The body must be JSON with "${field}", a string that is not blank.`);
}

/** The same for a text that is stored. @throws {BadRequestException} if it is too long, or no text for Postgres. */
export function shortTextIn(body: unknown, field: string, maxLength: number): string {
  return short(textIn(body, field).trim(), field, maxLength);
}

/** The same where it may be missing, null or blank: then it is null. */
export function optionalTextIn(body: unknown, field: string, maxLength: number): string | null {
  const value = fieldOf(body, field) ?? '';
  if (typeof value !== 'string') throw new BadRequestException(`"${field}" must be a string, or left out.`);
  return short(value.trim(), field, maxLength) || null;
}

/** A field of a JSON body. @throws {BadRequestException} unless it is true or false. */
export function flagIn(body: unknown, field: string): boolean {
  const value = fieldOf(body, field);
  if (typeof value === 'boolean') return value;
  throw new BadRequestException(`The body must be JSON with "${field}", true or false.`);
}

/** The id in a path. Nine digits are a Postgres integer, and more of anything than there will be. */
export function idIn(text: string, noun: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new BadRequestException(`The id of ${noun} must be a whole number.`);
  return Number(text);
}

function short(text: string, field: string, maxLength: number): string {
  if (text.length > maxLength) throw new BadRequestException(`"${field}" must be at most ${maxLength} characters.`);
  if (text.includes('\0') || !text.isWellFormed()) {
    throw new BadRequestException(`"${field}" must not contain U+0000 or half of a surrogate pair.`);
  }
  return text;
}
