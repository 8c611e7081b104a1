import type { EntityManager } from 'typeorm';
import { Deal } from './deal.entity.js';
import type { Currency } from './money.js';
import type { Stage } from './stage.js';

type Sample = [name: string, company: string, stage: Stage, amount: number, currency: Currency, owner: string];

const SAMPLES: Sample[] = [
  ['Fleet renewal 2027', 'Nordwind Logistik', 'negotiation', 184_000, 'EUR', 'alice'],
  ['Warehouse scanners', 'Brandt & Söhne', 'proposal', 42_500, 'EUR', 'alice'],
  ['Support contract, 3 years', 'Hotel Aurora', 'qualified', 27_900, 'EUR', 'bob'],
  ['Point-of-sale rollout', 'Café Lindqvist', 'proposal', 63_200, 'EUR', 'bob'],
  ['Data centre move', '华星科技', 'negotiation', 2_480_000, 'CNY', 'meimei'],
  ['Onboarding workshop', 'Okafor Legal', 'won', 8_400, 'EUR', 'carol'],
  ['Solar roof monitoring', 'Quinta do Vale', 'qualified', 51_750, 'EUR', 'dave'],
  ['Annual licences', 'Mercer Robotics', 'proposal', 96_000, 'EUR', 'dave'],
  ['智慧工厂一期', '江南精密制造', 'proposal', 1_360_000, 'CNY', 'lilei'],
  ['门店会员系统', '味源餐饮集团', 'qualified', 468_000, 'CNY', 'lilei'],
  ['冷链车队调度平台', '远洋冷链', 'lead', 890_000, 'CNY', 'meimei'],
  ['Route planning pilot', 'Isar Kurier', 'lead', 18_600, 'EUR', 'alice'],
  ['Clinic booking portal', 'Praxis am Markt', 'lead', 34_000, 'EUR', 'bob'],
  ['Vineyard sensors', 'Bodega Almeida', 'qualified', 22_300, 'EUR', 'alice'],
  ['Help desk migration', 'Lund Energi', 'negotiation', 71_500, 'EUR', 'bob'],
  ['校园缴费升级', '明德教育', 'won', 356_000, 'CNY', 'meimei'],
  ['Ferry ticketing', 'Skagen Line', 'won', 128_000, 'EUR', 'alice'],
  ['Print fleet leasing', 'Atelier Moreau', 'lost', 15_200, 'EUR', 'bob'],
  ['Quality audit 2026', 'Castillo Foods', 'lost', 39_800, 'EUR', 'carol'],
  ['供应商协同门户', '华星科技', 'lead', 720_000, 'CNY', 'lilei'],
];

/** Puts believable deals into an empty table. @returns whether it was empty. */
export async function addSampleDeals(manager: EntityManager): Promise<boolean> {
  if (await manager.exists(Deal)) return false;
  await manager.insert(
    Deal,
    SAMPLES.map(([name, company, stage, amount, currency, owner]) => ({
      name,
      company,
      stage,
      amount,
      currency,
      owner,
    })),
  );
  return true;
}
