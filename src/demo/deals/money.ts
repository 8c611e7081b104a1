import type { Language } from '../people/language.js';

export type Currency = 'EUR' | 'CNY';

/** An amount as readers of a language write it. */
export function formatMoney(amount: number, currency: Currency, language: Language): string {
  return new Intl.NumberFormat(language, { style: 'currency', currency, maximumFractionDigits: 0 }).format(amount);
}
