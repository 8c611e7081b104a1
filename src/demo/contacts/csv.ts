/** Text that is no CSV; the message says where. */
export class CsvError extends Error {}

export interface CsvRecord {
  /** Where it begins; the first line is 1. */
  line: number;
  fields: string[];
}

/**
 * Reads CSV as RFC 4180 has it, and passes over blank lines.
 *
 * @throws {CsvError} with the line.
 */
export function parseCsv(text: string): CsvRecord[] {
  const records: CsvRecord[] = [];
  let line = 1;
  let record: CsvRecord = { line, fields: [] };
  let position = text.startsWith('\uFEFF') ? 1 : 0;
  for (;;) {
    const end = endOfField(text, position);
    const raw = text.slice(position, end);
    const isQuoted = raw.startsWith('"');
    record.fields.push(isQuoted ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    const lineEnd = text.startsWith('\r\n', end) ? 2 : 1;
    position = end + lineEnd;
    if (isQuoted) line += raw.split('\n').length - 1;
    if (end < text.length && text[end] === ',') continue;
    if (end < text.length && text[end + lineEnd - 1] !== '\n') {
      throw new CsvError(`Line ${line}: a quote is not where quotes belong, or never ends.`);
    }
    if (record.fields.length > 1 || record.fields[0] !== '') records.push(record);
    if (end >= text.length) return records;
    line += 1;
    record = { line, fields: [] };
  }
}

/** By hand: a regular expression of quoted text needs a stack as deep as that is long. */
function endOfField(text: string, start: number): number {
  const stop = /[",\r\n]/g;
  stop.lastIndex = start;
  if (text[start] !== '"') return stop.exec(text)?.index ?? text.length;
  for (let from = start + 1; ; ) {
    const quote = text.indexOf('"', from);
    if (quote === -1) return start;
    if (text[quote + 1] !== '"') return quote + 1;
    from = quote + 2;
  }
}
