/**
 * Cron expressions in UTC: five fields, `*`, lists, ranges, steps and names. Own code, since the
 * packages for it run timers or read clocks.
 */
import { DAY, MINUTE } from '../../base/clock.ts';
import { ownValue } from '../../base/own-value.ts';

interface Cron {
  readonly minutes: ReadonlySet<number>;
  readonly hours: ReadonlySet<number>;
  readonly days: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly weekdays: ReadonlySet<number>;
  /** Day of month and day of week both given: either is enough, as cron has it. */
  readonly eitherDay: boolean;
}

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ');
const WEEKDAYS: readonly string[] = 'sun mon tue wed thu fri sat'.split(' ');
/** The most days that each month has. */
const DAYS_MAX = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FIELDS = [
  { name: 'minute', min: 0, max: 59, words: [] as readonly string[] },
  { name: 'hour', min: 0, max: 23, words: [] as readonly string[] },
  { name: 'day of month', min: 1, max: 31, words: [] as readonly string[] },
  { name: 'month', min: 1, max: 12, words: ['', ...MONTHS] },
  { name: 'day of week', min: 0, max: 7, words: WEEKDAYS },
] as const;
type Field = (typeof FIELDS)[number];

interface Range {
  readonly low: number;
  readonly high: number;
  readonly step: number;
}

const SHORT_FORMS: Readonly<Record<string, string>> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
/**
 * How far back a firing is looked for: leap days of the rarest kind are four years apart, and
 * nobody waits longer.
 */
const LOOK_BACK_DAYS = 4 * 366;

/** What is wrong with the expression, or null. */
export function cronProblem(text: string): string | null {
  const parsed = parseCron(text);
  if (typeof parsed === 'string') return parsed;
  const { days, months, eitherDay } = parsed;
  const first = Math.min(...days);
  const comes = eitherDay || [...months].some((month) => first <= (DAYS_MAX[month - 1] ?? 0));
  return comes
    ? null
    : `"${text.trim().slice(0, 60)}" never occurs: ${monthsOf(months)} no day ${String(first)}`;
}

function monthsOf(months: ReadonlySet<number>): string {
  const names = [...months].map((month) => MONTHS[month - 1] ?? '');
  return `${names.join(', ')} ${names.length === 1 ? 'has' : 'have'}`;
}

/** The latest firing in (afterMs, untilMs], or null when there is none. */
export function latestFiring(
  text: string,
  window: { readonly afterMs: number; readonly untilMs: number },
): number | null {
  const cron = parseCron(text);
  if (typeof cron === 'string') return null;
  const lastMinute = Math.floor(window.untilMs / MINUTE) * MINUTE;
  const oldest = Math.max(window.afterMs, lastMinute - LOOK_BACK_DAYS * DAY);
  for (let day = Math.floor(lastMinute / DAY) * DAY; day + DAY > oldest; day -= DAY) {
    if (!matchesDay(cron, new Date(day))) continue;
    for (
      let at = Math.min(lastMinute, day + DAY - MINUTE);
      at >= day && at > oldest;
      at -= MINUTE
    ) {
      const date = new Date(at);
      if (cron.minutes.has(date.getUTCMinutes()) && cron.hours.has(date.getUTCHours())) return at;
    }
  }
  return null;
}

function matchesDay(cron: Cron, date: Date): boolean {
  if (!cron.months.has(date.getUTCMonth() + 1)) return false;
  const [inMonth, inWeek] = [cron.days.has(date.getUTCDate()), cron.weekdays.has(date.getUTCDay())];
  return cron.eitherDay ? inMonth || inWeek : inMonth && inWeek;
}

function parseCron(text: string): Cron | string {
  const words = text.trim().split(/\s+/);
  if (words.length !== FIELDS.length) return otherThanFive(words, text.slice(0, 60));
  const sets: ReadonlySet<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const set = parseField(words[index] ?? '', field);
    if (typeof set === 'string')
      return `"${(words[index] ?? '').slice(0, 40)}" is no ${field.name} of a schedule${set}`;
    sets.push(set);
  }
  const [minutes, hours, days, months, weekdays] = sets;
  const none = new Set<number>();
  return {
    minutes: minutes ?? none,
    hours: hours ?? none,
    days: days ?? none,
    months: months ?? none,
    weekdays: new Set([...(weekdays ?? none)].map((day) => day % 7)),
    eitherDay: !(words[2] ?? '').startsWith('*') && !(words[4] ?? '').startsWith('*'),
  };
}

/** The short forms of other programs are named with the five fields that they stand for. */
function otherThanFive(words: readonly string[], shown: string): string {
  const fields = 'a schedule has five fields (minute hour day month weekday)';
  const meant =
    words.length === 1 ? ownValue(SHORT_FORMS, (words[0] ?? '').toLowerCase()) : undefined;
  if (meant !== undefined) return `${fields}: write "${meant}" for "${shown}"`;
  const more = words.length > FIELDS.length ? '; it has no seconds, years or time zone' : '';
  return `${fields}, "${shown}" has ${String(words.length)}${more}`;
}

/** The values of a field, or why there are none: text that goes on the sentence, may be empty. */
function parseField(text: string, field: Field): ReadonlySet<number> | string {
  const values = new Set<number>();
  for (const part of text.toLowerCase().split(',')) {
    const range = parseRange(part, field);
    if (typeof range === 'string') return range;
    for (let value = range.low; value <= range.high; value += range.step) values.add(value);
  }
  return values;
}

function parseRange(part: string, field: Field): Range | string {
  const match = /^(?:\*|([a-z0-9]+)(?:-([a-z0-9]+))?)(\/\d{1,3})?$/.exec(part);
  if (match === null) return notRead(part, field);
  const [, first = '*', last, stepped] = match;
  const top = field.words === WEEKDAYS ? 6 : field.max;
  const toTop = first === '*' || (last === undefined && stepped !== undefined);
  const low = first === '*' ? field.min : valueOf(first, field);
  const high = toTop ? top : lastOf(last ?? first, low, field);
  if (low === null || high === null) return notRead(part, field);
  if (low > high)
    return `: a range goes upwards ("${first}-${String(top)},${String(field.min)}-${last ?? ''}")`;
  const step = Number(stepped?.slice(1) ?? 1);
  // What is never reached is not what the number says: every 90 minutes is no step of an hour.
  if (stepped !== undefined && (step < 1 || step > Math.max(1, high - low)))
    return `: a step between ${String(low)} and ${String(high)} is 1 to ${String(high - low)}`;
  return { low, high, step };
}

/** What a part that cannot be read was meant to be, where that is known. */
function notRead(part: string, field: Field): string {
  if (/[?#]|^\d*lw?$|^\d+w$/.test(part)) return ': "?", "L", "W" and "#" are not read';
  const known = (text: string): string | undefined =>
    field.words.find((word) => word !== '' && text.startsWith(word) && text !== word);
  const meant = part.split(/[-/]/).map(known).find(Boolean);
  return meant === undefined ? '' : ` (did you mean "${meant}"?)`;
}

/** Sunday is the last day of a range that ends with it, as in `fri-sun`. */
function lastOf(text: string, low: number | null, field: Field): number | null {
  const value = valueOf(text, field);
  return field.words === WEEKDAYS && value === 0 && low !== null && low > 0 ? 7 : value;
}

function valueOf(text: string, field: Field): number | null {
  const word = field.words.indexOf(text);
  const value = word >= 0 && text !== '' ? word : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  return value >= field.min && value <= field.max ? value : null;
}
