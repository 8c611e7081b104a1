const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** An age in words, and the moment from which these words are wrong. */
export interface Age {
  readonly text: string;
  readonly changesAt: number;
}

/** Tells how long ago something was: minutes and hours, then days by the calendar, and after a week the date. */
export class RelativeTime {
  private readonly relative: Intl.RelativeTimeFormat;
  private readonly date: Intl.DateTimeFormat;
  private readonly dateWithYear: Intl.DateTimeFormat;
  private readonly dateInFull: Intl.DateTimeFormat;

  constructor(
    locale: string,
    private readonly justNow: string,
  ) {
    this.relative = new Intl.RelativeTimeFormat(locale, { numeric: 'auto' });
    this.date = new Intl.DateTimeFormat(locale, { month: 'long', day: 'numeric' });
    this.dateWithYear = new Intl.DateTimeFormat(locale, { year: 'numeric', month: 'long', day: 'numeric' });
    this.dateInFull = new Intl.DateTimeFormat(locale, { dateStyle: 'full', timeStyle: 'short' });
  }

  age(then: number, now: number): Age {
    // Negative where this computer's clock is behind the database's.
    const age = now - then;
    if (age < MINUTE) return { text: this.justNow, changesAt: then + MINUTE };
    if (age < HOUR) return this.whole('minute', MINUTE, then, age);
    const days = daysBetween(then, now);
    if (age < DAY || days === 0) return this.whole('hour', HOUR, then, age);
    if (days < 7) return { text: this.relative.format(-days, 'day'), changesAt: startOfDay(now, 1) };
    const year = new Date(now).getFullYear();
    if (new Date(then).getFullYear() < year) {
      return { text: this.dateWithYear.format(then), changesAt: Number.POSITIVE_INFINITY };
    }
    return { text: this.date.format(then), changesAt: new Date(year + 1, 0).getTime() };
  }

  /** The date and time in full. */
  full(then: number): string {
    return this.dateInFull.format(then);
  }

  private whole(unit: 'minute' | 'hour', length: number, then: number, age: number): Age {
    const count = Math.floor(age / length);
    return { text: this.relative.format(-count, unit), changesAt: then + (count + 1) * length };
  }
}

/** "Yesterday" is a date, not 24 hours ago. Rounded, because some days have 23 or 25 hours. */
function daysBetween(then: number, now: number): number {
  return Math.round((startOfDay(now) - startOfDay(then)) / DAY);
}

function startOfDay(time: number, daysLater = 0): number {
  const date = new Date(time);
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + daysLater).getTime();
}
