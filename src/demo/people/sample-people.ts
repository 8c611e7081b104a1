import type { EntityManager } from 'typeorm';
import { Person } from './person.entity.js';

/** Who works at the sample company. Anybody else can come in, too. */
const SAMPLES: Person[] = [
  { id: 'alice', name: 'Alice Martin', role: 'sales-lead', language: null },
  { id: 'bob', name: 'Bob Fischer', role: 'sales', language: null },
  { id: 'carol', name: 'Carol Lindqvist', role: 'finance', language: null },
  { id: 'dave', name: 'Dave Okafor', role: 'newcomer', language: null },
  { id: 'lilei', name: '李雷', role: 'sales', language: 'zh-CN' },
  { id: 'meimei', name: '韩梅梅', role: 'sales-lead', language: 'zh-CN' },
];

/** The colleagues whom the login offers. */
export const COLLEAGUES: readonly string[] = SAMPLES.map(({ id }) => id);

/** Puts them into an empty table. */
export async function addSamplePeople(manager: EntityManager): Promise<void> {
  if (!(await manager.exists(Person))) await manager.insert(Person, SAMPLES);
}
