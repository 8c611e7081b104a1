import { describe, expect, test } from '@jest/globals';
import { RelativeTime } from '../../src/client/element/relative-time.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const NOW = new Date(2026, 4, 12, 10, 0).getTime();

describe('RelativeTime', () => {
  const english = new RelativeTime('en', 'just now');
  const chinese = new RelativeTime('zh-CN', '刚刚');

  test.each([
    [0, 'just now', '刚刚'],
    [59 * SECOND, 'just now', '刚刚'],
    [MINUTE, '1 minute ago', '1分钟前'],
    [HOUR - 1, '59 minutes ago', '59分钟前'],
    [HOUR, '1 hour ago', '1小时前'],
    [24 * HOUR - 1, '23 hours ago', '23小时前'],
    [24 * HOUR, 'yesterday', '昨天'],
  ])('%d ms ago is %s, %s', (ago, inEnglish, inChinese) => {
    expect(english.age(NOW - ago, NOW).text).toBe(inEnglish);
    expect(chinese.age(NOW - ago, NOW).text).toBe(inChinese);
  });

  test.each([
    [new Date(2026, 4, 11, 0, 0), 'yesterday'],
    [new Date(2026, 4, 10, 23, 59), '2 days ago'],
    [new Date(2026, 4, 6, 0, 0), '6 days ago'],
    [new Date(2026, 4, 5, 23, 59), 'May 5'],
    [new Date(2026, 0, 1, 0, 0), 'January 1'],
    [new Date(2025, 11, 31, 23, 59), 'December 31, 2025'],
  ])('days go by the calendar: %s is %s', (then, text) => {
    expect(english.age(then.getTime(), NOW).text).toBe(text);
  });

  test('a clock that is behind the database’s sees nothing from the future', () => {
    expect(english.age(NOW + 5 * MINUTE, NOW).text).toBe('just now');
  });

  test('every text is right until the moment that it names, and wrong from then on', () => {
    for (const ago of [0, 30 * SECOND, MINUTE, 90 * SECOND, HOUR, 5 * HOUR, 26 * HOUR, 5 * 24 * HOUR, 40 * 24 * HOUR]) {
      const { text, changesAt } = english.age(NOW - ago, NOW);
      expect(changesAt).toBeGreaterThan(NOW);
      expect(english.age(NOW - ago, changesAt - 1).text).toBe(text);
      expect(english.age(NOW - ago, changesAt).text).not.toBe(text);
    }
  });

  test('walked from one change to the next, an age says what it says when asked at any other time', () => {
    const then = new Date(2026, 9, 22, 13, 37, 42).getTime();
    let at = then;
    while (english.age(then, at).changesAt < Number.POSITIVE_INFINITY) {
      const { text, changesAt } = english.age(then, at);
      const between = at + Math.floor((changesAt - at) / 2);
      expect(english.age(then, between)).toEqual({ text, changesAt });
      at = changesAt;
    }
    expect(english.age(then, at).text).toBe('October 22, 2026');
  });

  test('the full date has the day, the date and the time', () => {
    expect(english.full(NOW)).toMatch(/^Tuesday, May 12, 2026 at 10:00\sAM$/);
    expect(chinese.full(NOW)).toBe('2026年5月12日星期二 10:00');
  });
});
