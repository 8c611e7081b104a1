import type { DataSource } from 'typeorm';
import { Deal } from './deal.entity.js';

const SAMPLES: Omit<Deal, 'id'>[] = [
  { name: 'Fleet renewal 2027', company: 'Nordwind Logistik', stage: 'negotiation', amount: 184_000, owner: 'alice' },
  { name: 'Warehouse scanners', company: 'Brandt & Söhne', stage: 'proposal', amount: 42_500, owner: 'alice' },
  { name: 'Support contract, 3 years', company: 'Hotel Aurora', stage: 'qualified', amount: 27_900, owner: 'bob' },
  { name: 'Point-of-sale rollout', company: 'Café Lindqvist', stage: 'proposal', amount: 63_200, owner: 'bob' },
  { name: 'Data centre move', company: '华星科技', stage: 'negotiation', amount: 312_000, owner: 'carol' },
  { name: 'Onboarding workshop', company: 'Okafor Legal', stage: 'won', amount: 8_400, owner: 'carol' },
  { name: 'Solar roof monitoring', company: 'Quinta do Vale', stage: 'qualified', amount: 51_750, owner: 'dave' },
  { name: 'Annual licences', company: 'Mercer Robotics', stage: 'proposal', amount: 96_000, owner: 'dave' },
];

/** Puts believable deals into an empty table. */
export async function addSampleDeals(dataSource: DataSource): Promise<void> {
  const deals = dataSource.getRepository(Deal);
  if (!(await deals.exists())) await deals.insert(SAMPLES);
}
