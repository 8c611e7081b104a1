/** The languages that the CRM speaks. */
export const LANGUAGES = ['en', 'zh-CN'] as const;

export type Language = (typeof LANGUAGES)[number];

/** Something to say, in every language. */
export type InEveryLanguage<T> = Record<Language, T>;

export function isLanguage(value: unknown): value is Language {
  return LANGUAGES.includes(value as Language);
}
