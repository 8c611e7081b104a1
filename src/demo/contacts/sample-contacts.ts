const FIRST = ['Ana', 'Björn', 'Chidi', 'Diana', 'Elif', 'Farid', 'Greta', 'Hugo', '丽华', 'Jonas', 'Katya', 'Lars'];
const LAST = [
  'Almeida',
  'Brandt',
  'Castillo',
  'Doğan',
  'Eriksen',
  'Fischer',
  'Gupta',
  'Haddad',
  'Ito',
  '王',
  "O'Neill",
];
const COMPANIES = [
  'Nordwind Logistik',
  'Brandt & Söhne',
  'Hotel Aurora',
  'Mercer, Lund & Co.',
  '华星科技',
  'Okafor Legal',
];

/** A believable CSV of so many contacts. */
export function sampleCsv(contacts: number): string {
  const lines = Array.from({ length: contacts }, (_, i) => {
    const pick = (from: string[], step: number) => from[Math.floor(i / step) % from.length];
    const name = `${pick(FIRST, 1)} ${pick(LAST, FIRST.length)}`;
    return [name, pick(COMPANIES, 7), `contact-${i + 1}@example.com`].map((field) => `"${field}"`).join(',');
  });
  return `name,company,email\n${lines.join('\n')}\n`;
}
