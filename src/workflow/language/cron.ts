/**
 * Cron expressions in UTC: five fields, `*`, lists, ranges, steps and names. Own code, since the
 * packages for it run timers or read clocks.
 */
import { DAY, MINUTE } from '../../base/clock.ts';

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
const WEEKDAYS = 'sun mon tue wed thu fri sat'.split(' ');
/** The most days that each month has. */
const DAYS_MAX = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const FIELDS = [
  { name: 'minute', min: 0, max: 59, words: [] as readonly string[] },
  { name: 'hour', min: 0, max: 23, words: [] as readonly string[] },
  { name: 'day of month', min: 1, max: 31, words: [] as readonly string[] },
  { name: 'month', min: 1, max: 12, words: ['', ...MONTHS] },
  { name: 'day of week', min: 0, max: 7, words: WEEKDAYS },
] as const;
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
    : `"${text.trim().slice(0, 60)}" never comes: ${monthsOf(months)} no day ${String(first)}`;
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
  const words = text.trim().toLowerCase().split(/\s+/);
  if (words.length !== FIELDS.length)
    return `a schedule has five fields (minute hour day month weekday), "${text.slice(0, 60)}" has ${String(words.length)}`;
  const sets: ReadonlySet<number>[] = [];
  for (const [index, field] of FIELDS.entries()) {
    const set = parseField(words[index] ?? '', field);
    if (set === null)
      return `"${(words[index] ?? '').slice(0, 40)}" is no ${field.name} of a schedule`;
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

function parseField(text: string, field: (typeof FIELDS)[number]): ReadonlySet<number> | null {
  const values = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:\/(\d{1,3}))?$/.exec(part);
    if (match === null || (match[1] === '*' && match[2] !== undefined)) return null;
    const low = match[1] === '*' ? field.min : valueOf(match[1] ?? '', field);
    const high =
      match[1] === '*' || (match[2] === undefined && match[3] !== undefined)
        ? field.max
        : valueOf(match[2] ?? match[1] ?? '', field);
    const step = Number(match[3] ?? 1);
    if (low === null || high === null || low > high || step < 1) return null;
    for (let value = low; value <= high; value += step) values.add(value);
  }
  return values;
}

function valueOf(text: string, field: (typeof FIELDS)[number]): number | null {
  const word = field.words.indexOf(text);
  const value = word >= 0 && text !== '' ? word : /^\d{1,2}$/.test(text) ? Number(text) : NaN;
  return value >= field.min && value <= field.max ? value : null;
}
