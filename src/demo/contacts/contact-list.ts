import { BadRequestException } from '@nestjs/common';
import type { Contact } from './contact.entity.js';
import { CsvError, type CsvRecord, parseCsv } from './csv.js';

export type NewContact = Omit<Contact, 'id'>;

const COLUMNS = ['name', 'company', 'email'] as const;
const MAX_CONTACTS = 20_000;
const MAX_LENGTH = 200;
const EMAIL = /^[^\s@]+@[^\s@]+$/u;

/** The contacts of a CSV with the columns name, company and email. @throws {BadRequestException} with the line. */
export function contactsIn(csv: string): NewContact[] {
  const [header, ...rows] = records(csv);
  const names = header?.fields.map((name) => name.trim().toLowerCase()) ?? [];
  if (names.length !== COLUMNS.length || COLUMNS.some((column) => !names.includes(column))) {
    throw new BadRequestException(`The first line must name the columns ${COLUMNS.join(', ')}, in any order.`);
  }
  if (rows.length === 0) throw new BadRequestException('There is no contact below the first line.');
  if (rows.length > MAX_CONTACTS) {
    throw new BadRequestException(`${rows.length} contacts are too many: ${MAX_CONTACTS} are allowed at once.`);
  }
  return rows.map((row) => contactIn(row, names));
}

function records(csv: string): CsvRecord[] {
  // What a decoder puts where bytes are no UTF-8.
  if (csv.includes('\uFFFD')) throw new BadRequestException('The CSV must be UTF-8.');
  try {
    return parseCsv(csv);
  } catch (error) {
    throw error instanceof CsvError ? new BadRequestException(error.message) : error;
  }
}

function contactIn({ line, fields }: CsvRecord, names: string[]): NewContact {
  const refuse = (problem: string) => new BadRequestException(`Line ${line}: ${problem}`);
  if (fields.length !== names.length) throw refuse(`there must be ${names.length} fields, not ${fields.length}.`);
  const [name, company, email] = COLUMNS.map((column) => (fields[names.indexOf(column)] ?? '').trim());
  for (const [column, value] of Object.entries({ name, company, email })) {
    if (!value) throw refuse(`${column} must not be blank.`);
    if (value.length > MAX_LENGTH) throw refuse(`${column} is longer than ${MAX_LENGTH} characters.`);
    if (value.includes('\0')) throw refuse(`${column} must not contain U+0000.`);
  }
  if (!name || !company || !email || !EMAIL.test(email)) throw refuse('email is no e-mail address.');
  return { name, company, email };
}
