import { NotificationsError } from './notifications.error.js';

/** What an option must be. */
export interface Rule {
  /** Goes on after "must be". */
  readonly text: string;
  accepts(value: unknown): boolean;
  /** Its value is never shown: it is, or may hold, a secret. */
  readonly isSecret?: boolean;
  /** The rules of its own options, where it is an object of them. */
  readonly fields?: Rules<object>;
}

/** A rule for each option. */
export type Rules<T> = { readonly [K in keyof T]-?: Rule };

export const boolean: Rule = { text: 'true or false', accepts: (value) => typeof value === 'boolean' };

export function wholeNumber(min: number, max: number): Rule {
  const text = `a whole number from ${min.toLocaleString('en')} to ${max.toLocaleString('en')}`;
  return { text, accepts: (value) => Number.isInteger(value) && (value as number) >= min && (value as number) <= max };
}

export function orNull(rule: Rule): Rule {
  return { ...rule, text: `null or ${rule.text}`, accepts: (value) => value === null || rule.accepts(value) };
}

export function text(what: string, pattern = /./s): Rule {
  return { text: what, accepts: (value) => typeof value === 'string' && pattern.test(value) };
}

export function oneOf(...values: string[]): Rule {
  return {
    text: values.map((value) => `'${value}'`).join(' or '),
    accepts: (value) => typeof value === 'string' && values.includes(value),
  };
}

export function textOrList(what: string): Rule {
  const isText = (value: unknown) => typeof value === 'string' && value !== '';
  return {
    text: what,
    accepts: (value) => isText(value) || (isListOf(value, isText) && value.length > 0),
  };
}

/** An object with options of its own. */
export function objectOf<T>(what: string, fields: Rules<T>): Rule {
  return { text: what, accepts: isObject, isSecret: true, fields: fields as Rules<object> };
}

export function anything(what: string, accepts: (value: unknown) => boolean): Rule {
  return { text: what, accepts, isSecret: true };
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `{…}`, also of another realm or without a prototype. Not an instance of a class, such as `Map` or `Headers`. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (!isObject(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.hasOwn(prototype as object, 'isPrototypeOf');
}

/** Holes of the list are looked at, too: `every()` skips them. */
export function isListOf(value: unknown, accepts: (element: unknown) => boolean): value is unknown[] {
  return Array.isArray(value) && Array.from(value).every(accepts);
}

export function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

/**
 * Checks options, and those inside of them. One that is undefined counts as not given.
 *
 * Read by their names, so that instances of classes count as they are: getters, what is inherited and what can't be
 * enumerated. An unknown name is refused where it is an enumerable field of the object itself, and not
 * among the methods of its class.
 *
 * @param owner whose options they are, for the message.
 * @param path of the option that they are part of, such as `jwt.`.
 * @returns those that are given, as plain objects. Use these and not `given`: a getter may say something else each time.
 * @throws {NotificationsError} `INVALID_OPTIONS`, with the option, what is wrong with it and what is allowed.
 */
export function checkOptions<T>(owner: string, given: object, rules: Rules<T>, path = ''): T {
  const checked: Record<string, unknown> = {};
  const known = Object.keys(rules);
  for (const name of new Set([...Object.keys(given), ...known])) {
    const value: unknown = given[name as keyof typeof given];
    if (value === undefined) continue;
    const rule: Rule | undefined = Object.hasOwn(rules, name) ? rules[name as keyof T] : undefined;
    if (!rule) {
      const names = known.map((option) => path + option);
      invalidOptions(owner, `${path}${name} is not an option. The options are ${names.join(', ')}.`);
    }
    if (!rule.accepts(value)) invalidOptions(owner, `${path}${name} must be ${rule.text}, not ${shown(value, rule)}.`);
    checked[name] = rule.fields && isObject(value) ? checkOptions(owner, value, rule.fields, `${path}${name}.`) : value;
  }
  return checked as T;
}

/** @throws {NotificationsError} `INVALID_OPTIONS`, always. */
export function invalidOptions(owner: string, problem: string): never {
  throw new NotificationsError('INVALID_OPTIONS', `${owner}: ${problem}`);
}

function shown(value: unknown, { isSecret }: Rule): string {
  if (value === null) return 'null';
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'number') return String(value);
  if (isSecret || typeof value === 'symbol') return `of type ${typeof value}`;
  try {
    return JSON.stringify(value) ?? `of type ${typeof value}`;
  } catch {
    return `of type ${typeof value}`;
  }
}
