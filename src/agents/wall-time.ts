/**
 * From what a clock and a calendar on some wall show to a moment: `Tuesday, 9:30 PM` in
 * `America/Los_Angeles` → milliseconds since the epoch. Pure.
 */
import { ownValue } from '../base/own-value.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../base/clock.ts';

/** An IANA name, or minutes east of UTC; null = the zone of this machine. */
export type Zone = string | number | null;

/** A day of the calendar; `month` from 1. */
export interface Day {
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** What is known of a day: parts that are null are to be found. */
export interface DayWords {
  readonly year: number | null;
  readonly month: number | null;
  readonly day: number | null;
  /** 0 = Sunday. */
  readonly weekday: number | null;
  /** Days from today; null when the words do not count from today. */
  readonly offset: number | null;
}

const ABBREVIATIONS: Readonly<Record<string, Zone>> = {
  utc: 0,
  gmt: 0,
  z: 0,
  ...byNames(['pt', 'pst', 'pdt', 'pacific'], 'America/Los_Angeles'),
  ...byNames(['mt', 'mst', 'mdt', 'mountain'], 'America/Denver'),
  ...byNames(['ct', 'cst', 'cdt', 'central'], 'America/Chicago'),
  ...byNames(['et', 'est', 'edt', 'eastern'], 'America/New_York'),
  ...byNames(['cet', 'cest', 'mez', 'mesz'], 'Europe/Berlin'),
  ...byNames(['eet', 'eest'], 'Europe/Athens'),
  ...byNames(['wet', 'west'], 'Europe/Lisbon'),
  ...byNames(['aest', 'aedt'], 'Australia/Sydney'),
  ...byNames(['nzst', 'nzdt'], 'Pacific/Auckland'),
  bst: 'Europe/London',
  msk: 'Europe/Moscow',
  ist: 'Asia/Kolkata',
  jst: 'Asia/Tokyo',
  kst: 'Asia/Seoul',
  hkt: 'Asia/Hong_Kong',
  sgt: 'Asia/Singapore',
};

function byNames(names: readonly string[], zone: string): Readonly<Record<string, Zone>> {
  return Object.fromEntries(names.map((name) => [name, zone]));
}

/** The zone of an abbreviation, in any case; undefined when no zone has that name. */
export function zoneOfAbbreviation(word: string): Zone | undefined {
  const name = word.toLowerCase();
  return ownValue(ABBREVIATIONS, name);
}

/** `+02:00`, `-0700`, `+2` as minutes east of UTC, or null. */
export function offsetMinutes(text: string): number | null {
  const match = /^([+-])(\d{1,2}):?(\d{2})?$/.exec(text);
  if (match === null) return null;
  const minutes = Number(match[2]) * 60 + Number(match[3] ?? 0);
  return minutes > 14 * 60 ? null : match[1] === '-' ? -minutes : minutes;
}

/** What the calendar shows at a moment, and how long that day has lasted; null: no such zone. */
export function readCalendar(
  ms: number,
  zone: Zone,
): (Day & { readonly sinceMidnightMs: number }) | null {
  const offset = offsetAt(ms, zone);
  if (offset === null) return null;
  const shown = new Date(ms + offset);
  return {
    year: shown.getUTCFullYear(),
    month: shown.getUTCMonth() + 1,
    day: shown.getUTCDate(),
    sinceMidnightMs: (((ms + offset) % DAY) + DAY) % DAY,
  };
}

/** The moment at which that zone shows that time; in the hour that clocks skip, the one before. */
export function momentOf(day: Day, clockMs: number, zone: Zone): number | null {
  const shown = Date.UTC(day.year, day.month - 1, day.day) + clockMs;
  const first = offsetAt(shown, zone);
  const second = first === null ? null : offsetAt(shown - first, zone);
  return second === null ? null : shown - second;
}

/** A day that the words fit, today or the next one; null when no day does. */
export function dayOf(words: DayWords, today: Day): Day | null {
  const { year, month, day, weekday, offset } = words;
  if (day === null)
    return addDays(today, weekday === null ? (offset ?? 0) : (weekday - weekdayOf(today) + 7) % 7);
  if (month !== null) {
    const here = { year: year ?? today.year, month, day };
    // A date without a year may be told in the last days of the old one.
    const isPast = year === null && dayNumber(here) < dayNumber(today) - 1;
    return existing(isPast ? { ...here, year: here.year + 1 } : here);
  }
  const here = { year: today.year, month: today.month, day };
  if (day >= today.day) return existing(here);
  return existing(
    today.month === 12
      ? { ...here, year: today.year + 1, month: 1 }
      : { ...here, month: today.month + 1 },
  );
}

/** The day that many days later. */
export function addDays(day: Day, count: number): Day {
  const moved = new Date((dayNumber(day) + count) * DAY);
  return {
    year: moved.getUTCFullYear(),
    month: moved.getUTCMonth() + 1,
    day: moved.getUTCDate(),
  };
}

/** 0 = Sunday. */
export function weekdayOf(day: Day): number {
  return new Date(dayNumber(day) * DAY).getUTCDay();
}

function existing(day: Day): Day | null {
  return addDays(day, 0).day === day.day ? day : null;
}

function dayNumber({ year, month, day }: Day): number {
  return Date.UTC(year, month - 1, day) / DAY;
}

/** What the clocks of a zone are ahead of UTC at a moment, in milliseconds. */
function offsetAt(ms: number, zone: Zone): number | null {
  if (typeof zone === 'number') return zone * MINUTE;
  if (!Number.isFinite(new Date(ms).getTime())) return null;
  if (zone === null) return -new Date(ms).getTimezoneOffset() * MINUTE;
  try {
    const parts = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      ...{ year: 'numeric', month: 'numeric', day: 'numeric' },
      ...{ hour: 'numeric', minute: 'numeric', second: 'numeric' },
    }).formatToParts(new Date(ms));
    const read = (type: string) => Number(parts.find((part) => part.type === type)?.value);
    const shown =
      Date.UTC(read('year'), read('month') - 1, read('day')) +
      read('hour') * HOUR +
      read('minute') * MINUTE +
      read('second') * SECOND;
    return shown - Math.floor(ms / SECOND) * SECOND;
  } catch {
    return null;
  }
}
