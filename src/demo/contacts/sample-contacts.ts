import type { EntityManager } from 'typeorm';
import { Contact } from './contact.entity.js';

const SAMPLES: [name: string, company: string, email: string][] = [
  ['Greta Fischer', 'Nordwind Logistik', 'greta.fischer@nordwind.example'],
  ['Jonas Brandt', 'Brandt & Söhne', 'jonas@brandt-soehne.example'],
  ['Elif Doğan', 'Hotel Aurora', 'elif.dogan@aurora.example'],
  ['Astrid Lindqvist', 'Café Lindqvist', 'astrid@lindqvist.example'],
  ['陈丽华', '华星科技', 'lihua.chen@huaxing.example'],
  ['Chidi Okafor', 'Okafor Legal', 'chidi@okafor.example'],
  ['Ana Almeida', 'Quinta do Vale', 'ana@quintadovale.example'],
  ['Hugo Mercer', 'Mercer Robotics', 'hugo@mercer.example'],
  ['王建国', '江南精密制造', 'jianguo.wang@jiangnan.example'],
  ['赵敏', '味源餐饮集团', 'min.zhao@weiyuan.example'],
  ['Lars Eriksen', 'Skagen Line', 'lars@skagenline.example'],
  ['Farid Haddad', 'Lund Energi', 'farid.haddad@lundenergi.example'],
];

/** Puts believable contacts into an empty table. */
export async function addSampleContacts(manager: EntityManager): Promise<void> {
  if (await manager.exists(Contact)) return;
  await manager.insert(
    Contact,
    SAMPLES.map(([name, company, email]) => ({ name, company, email })),
  );
}

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
