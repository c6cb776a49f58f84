/**
 * A moment or a span in words, as people and programs write them: `Dec 3, 7am (Europe/Zurich)`,
 * `in 3 hours and 20 minutes`, `Tuesday at 9:30 PM PT`, `14:00 UTC`, `about an hour`,
 * `2026-12-03T07:00:00Z`, `1795300000`, `6m0s`. Pure.
 *
 * The text is cut into tokens, and rules take what they know from the front. Words that carry no
 * time are passed over; after something was found, the first of them ends the reading.
 */
import { ownValue } from '../base/own-value.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../base/clock.ts';
import { tokenize } from './moment-tokens.ts';
import {
  addDays,
  type Day,
  dayOf,
  type DayWords,
  momentOf,
  offsetMinutes,
  readCalendar,
  weekdayOf,
  type Zone,
  zoneOfAbbreviation,
} from './wall-time.ts';

/** How many words without a time may stand before the first one with it. */
const PASSED_MAX = 8;
/** Seconds since the epoch begin here (2001), milliseconds at a thousand times that. */
const EPOCH_S_MIN = 1e9;
/** Of two readings of a date, the one within this time is meant. */
const SOON_MS = 40 * DAY;
/** A clock time that is past by less is not that of tomorrow: the telling took a while. */
const JUST_PAST_MS = 10 * MINUTE;

const UNITS: Readonly<Record<string, number>> = {
  ...sameFor(['ms', 'msec', 'msecs', 'millis', 'millisecond', 'milliseconds'], 1),
  ...sameFor(['s', 'sec', 'secs', 'second', 'seconds', 'sekunden', 'secondes'], SECOND),
  ...sameFor(['m', 'min', 'mins', 'minute', 'minutes', 'minuten', 'minutos'], MINUTE),
  ...sameFor(['h', 'hr', 'hrs', 'hour', 'hours', 'stunden', 'heures', 'horas'], HOUR),
  ...sameFor(['d', 'day', 'days', 'tagen', 'jours', 'dias'], DAY),
  ...sameFor(['w', 'wk', 'wks', 'week', 'weeks', 'wochen', 'semaines', 'semanas'], 7 * DAY),
  ...sameFor(['month', 'months'], 30 * DAY),
};
/** English, German, French, Spanish, Italian and Portuguese, without accents. */
const MONTHS: readonly (readonly string[])[] = [
  'jan january januar janvier janv enero ene gennaio janeiro',
  'feb february februar fevrier fevr febrero febbraio fevereiro fev',
  'mar march marz mars marzo marco',
  'apr april avril avr abril abr aprile',
  'may mai mayo maggio maio',
  'jun june juni juin junio giugno junho',
  'jul july juli juillet juil julio luglio julho',
  'aug august aout agosto',
  'sep sept september septembre septiembre settembre setembro',
  'oct october okt oktober octobre octubre ottobre outubro',
  'nov november novembre noviembre novembro',
  'dec december dez dezember decembre diciembre dic dicembre dezembro',
].map((names) => names.split(' '));
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const COUNTS: Readonly<Record<string, number>> = {
  ...{ a: 1, an: 1, one: 1, two: 2, couple: 2, three: 3, four: 4, five: 5, six: 6, seven: 7 },
  ...{ eight: 8, nine: 9, ten: 10, eleven: 11, twelve: 12, fifteen: 15, twenty: 20 },
  ...{ thirty: 30, forty: 40, fifty: 50, sixty: 60, half: 0.5 },
};
const DAY_WORDS: Readonly<Record<string, number>> = { today: 0, tonight: 0, tomorrow: 1 };
const CLOCK_WORDS: Readonly<Record<string, number>> = { midnight: 0, noon: 12 * HOUR };

function sameFor(names: readonly string[], value: number): Readonly<Record<string, number>> {
  return Object.fromEntries(names.map((name) => [name, value]));
}

function valueOf<T>(table: Readonly<Record<string, T>>, word: string | undefined): T | undefined {
  const name = word?.toLowerCase() ?? '';
  return ownValue(table, name);
}

/** What was read so far. */
interface Found extends DayWords {
  readonly atMs: number | null;
  readonly spanMs: number | null;
  readonly clockMs: number | null;
  readonly zone: Zone | undefined;
  /** A unit before its number, as in the key `retry_delay_ms`. */
  readonly unitMs: number | null;
  /** `next`, or the `end` of: what comes is the beginning of the next such unit. */
  readonly isNext: boolean;
}
const NOTHING: Found = {
  ...{ year: null, month: null, day: null, weekday: null, offset: null },
  ...{ atMs: null, spanMs: null, clockMs: null, zone: undefined, unitMs: null, isNext: false },
};

export interface MomentContext {
  readonly nowMs: number;
  /** A number without a unit is one of seconds, as in HTTP. */
  readonly bareSeconds: boolean;
}

/** The moment that the words name, or null. */
export function readMoment(text: string, context: MomentContext): number | null {
  const tokens = tokenize(text);
  let found = NOTHING;
  let passed = 0;
  for (let index = 0; index < tokens.length;) {
    const rest = tokens.slice(index, index + 4);
    // A bare number is one of seconds only where nothing else stands before it.
    const bareSeconds = context.bareSeconds && passed === 0;
    const taken = takeNext(rest, found, { ...context, bareSeconds });
    if (taken !== null) {
      found = { ...found, ...taken.found };
      index += taken.count;
    } else if (/^[.;!?]$/.test(rest[0] ?? '')) break;
    else {
      const isKnown = FILLERS.has(rest[0]?.toLowerCase() ?? '');
      if (!isKnown && (hasTime(found) || passed >= PASSED_MAX)) break;
      passed += isKnown ? 0 : 1;
      index += 1;
    }
  }
  return resolve(found, context.nowMs);
}

const FILLERS = new Set(
  (
    'at on in about around approximately approx roughly by after the is will be and of this again ' +
    'time local your until till from now for less than within least to or um uhr de del le el a ' +
    ', ( ) : = " \' ~ - ∙ · ['
  ).split(' '),
);

function hasTime(found: Found): boolean {
  return [found.atMs, found.spanMs, found.clockMs, found.day, found.weekday, found.offset].some(
    (part) => part !== null,
  );
}

interface Taken {
  readonly count: number;
  readonly found: Partial<Found>;
}
type Rule = (tokens: readonly string[], found: Found, context: MomentContext) => Taken | null;

function takeNext(tokens: readonly string[], found: Found, context: MomentContext): Taken | null {
  for (const rule of RULES) {
    const taken = rule(tokens, found, context);
    if (taken !== null) return taken;
  }
  return null;
}

const take = (count: number, found: Partial<Found>): Taken => ({ count, found });

const takeIso: Rule = ([token = '']) => {
  const match =
    /^(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ](\d{1,2}:\d{2}(?::\d{2})?)(?:\.\d+)?)?(?: ?([+-].+))?$/.exec(
      token,
    );
  if (match === null) return null;
  const zone = match[5] === undefined ? null : offsetMinutes(match[5]);
  return take(1, {
    ...{ year: Number(match[1]), month: Number(match[2]), day: Number(match[3]) },
    ...(match[4] === undefined ? {} : { clockMs: clockOf(match[4]) }),
    ...(zone === null ? {} : { zone }),
  });
};

/** `12/3` as in the United States, unless only the other order is a day that comes soon. */
const takeSlashDate: Rule = ([token = ''], _, { nowMs }) => {
  const match = /^(\d{1,2})\/(\d{1,2})(?:\/(\d{2,4}))?$/.exec(token);
  if (match === null) return null;
  const [first, second] = [Number(match[1]), Number(match[2])];
  const year = match[3] === undefined ? {} : { year: Number(match[3].padStart(4, '20')) };
  const orders = [
    { month: first, day: second, ...year },
    { month: second, day: first, ...year },
  ].filter(({ month }) => month <= 12);
  const soon = orders.find((date) => {
    const at = resolve({ ...NOTHING, ...date }, nowMs);
    return at !== null && at > nowMs - DAY && at < nowMs + SOON_MS;
  });
  const date = soon ?? orders[0];
  return date === undefined ? null : take(1, date);
};

const takeClock: Rule = ([token = '', half], { clockMs }) => {
  const isClock = /^\d{1,2}:\d{2}(:\d{2})?$/.test(token);
  const isHour = /^\d{1,2}$/.test(token);
  const ofHalf = /^([ap])m$/i.exec(half ?? '')?.[1]?.toLowerCase();
  if (clockMs !== null || !(isClock || (isHour && ofHalf !== undefined))) return null;
  const ms = clockOf(isClock ? token : `${token}:00`);
  if (ms === null) return null;
  if (ofHalf === undefined) return take(1, { clockMs: ms });
  return take(2, { clockMs: (ms % (12 * HOUR)) + (ofHalf === 'p' ? 12 * HOUR : 0) });
};

function clockOf(text: string): number | null {
  const [hours = 0, minutes = 0, seconds = 0] = text.split(':').map(Number);
  return hours > 24 || minutes > 59 || seconds > 60
    ? null
    : hours * HOUR + minutes * MINUTE + seconds * SECOND;
}

/** `3 days`, `an hour`, `half an hour`, `2.5h`; the `and a half` after it. */
const takeSpan: Rule = ([token = '', second = '', third = ''], found) => {
  const counted = valueOf(COUNTS, token) ?? (/^\d/.test(token) ? Number(token) : undefined);
  if (counted === undefined || Number.isNaN(counted)) return null;
  const isTwoWords = /^(an?|of)$/i.test(second) && Number.isNaN(Number(token));
  const unit = valueOf(UNITS, isTwoWords ? third : second);
  if (unit === undefined) {
    const isHalf = /^an?$/i.test(token) && /^half$/i.test(second) && found.spanMs !== null;
    return isHalf ? take(2, { spanMs: found.spanMs + (found.unitMs ?? 0) / 2 }) : null;
  }
  return take(isTwoWords ? 3 : 2, {
    spanMs: (found.spanMs ?? 0) + counted * unit,
    unitMs: unit,
  });
};

/** `Dec 3rd`, `3 December`, `the 1st`; a year after it. */
const takeDate: Rule = ([token = '', second = '', third = '']) => {
  const month = monthOf(token);
  if (month !== null && /^\d{1,2}$/.test(second))
    return take(isOrdinal(third) ? 3 : 2, { month, day: Number(second) });
  if (!/^\d{1,2}$/.test(token)) return null;
  const ordinal = isOrdinal(second);
  const named = monthOf(ordinal ? (/^of$/i.test(third) ? '' : third) : second);
  if (named !== null) return take(ordinal ? 3 : 2, { day: Number(token), month: named });
  return ordinal ? take(2, { day: Number(token) }) : null;
};

const takeMonth: Rule = ([token = ''], { day, month }) => {
  const named = day !== null && month === null ? monthOf(token) : null;
  return named === null ? null : take(1, { month: named });
};

const takeYear: Rule = ([token = ''], { day, year }) =>
  day !== null && year === null && /^2[01]\d\d$/.test(token)
    ? take(1, { year: Number(token) })
    : null;

function isOrdinal(word: string): boolean {
  return /^(st|nd|rd|th)$/i.test(word);
}

function monthOf(word: string): number | null {
  const index = MONTHS.findIndex((names) => names.includes(word.toLowerCase()));
  return index < 0 ? null : index + 1;
}

const FULL_WEEKDAYS = /^(sun|mon|tues?|wed(nes)?|thu(rs?)?|fri|sat(ur)?)(day)?s?$/i;

const takeWord: Rule = ([token = '', second = ''], found) => {
  const weekday = FULL_WEEKDAYS.test(token)
    ? WEEKDAYS.indexOf(token.slice(0, 3).toLowerCase())
    : -1;
  if (weekday >= 0) return take(1, { weekday });
  const offset = valueOf(DAY_WORDS, token);
  if (offset !== undefined) return take(1, { offset });
  const clockMs = valueOf(CLOCK_WORDS, token);
  if (clockMs !== undefined) return take(1, { clockMs });
  if (/^(next|end)$/i.test(token)) return take(1, { isNext: true });
  const unit = found.isNext ? valueOf(UNITS, token) : undefined;
  if (unit !== undefined) return take(1, { unitMs: unit, offset: 0 });
  // "ms" in `retry_delay_ms: 5000`, "seconds" in `resets in seconds: 30`.
  const key = hasTime(found) || !/^[:="'\s]*$/.test(second) ? undefined : valueOf(UNITS, token);
  return key === undefined ? null : take(1, { unitMs: key });
};

const takeZone: Rule = ([token = '', second = ''], found) => {
  if (found.zone !== undefined) return null;
  if (token.includes('/') && /^[A-Z]/.test(token)) return take(1, { zone: token });
  const plain = offsetMinutes(token);
  if (plain !== null && found.clockMs !== null && /\d{2}:?\d{2}$/.test(token))
    return take(1, { zone: plain });
  const zone = zoneOfAbbreviation(token);
  if (zone === undefined || (!hasTime(found) && token !== token.toUpperCase())) return null;
  const ahead = zone === 0 ? offsetMinutes(second) : null;
  return ahead === null ? take(1, { zone }) : take(2, { zone: ahead });
};

/** `in 01:30:00`; `3:20:00` after `1 day,`. */
const takeClockSpan: Rule = ([token = '', second = ''], { spanMs }) => {
  const ms = /^(in|,)$/i.test(token) && second.includes(':') ? clockOf(second) : null;
  const isMeant = token !== ',' || (spanMs !== null && /:.*:/.test(second));
  return ms === null || !isMeant ? null : take(2, { spanMs: (spanMs ?? 0) + ms });
};

const takeNumber: Rule = ([token = '', second = ''], found, { nowMs, bareSeconds }) => {
  if (!/^\d/.test(token) || hasTime(found)) return null;
  const value = Number(token);
  if (Number.isNaN(value)) return null;
  if (found.unitMs !== null && value < EPOCH_S_MIN)
    return take(1, { atMs: nowMs + value * found.unitMs });
  if (value >= EPOCH_S_MIN * 1_000) return take(1, { atMs: value });
  if (value >= EPOCH_S_MIN) return take(1, { atMs: value * SECOND });
  const isBare = !/^[a-z]/i.test(second) || FILLERS.has(second.toLowerCase());
  return bareSeconds && isBare ? take(1, { atMs: nowMs + value * SECOND }) : null;
};

const RULES: readonly Rule[] = [
  ...[takeIso, takeSlashDate, takeClockSpan, takeSpan, takeClock, takeDate, takeMonth, takeYear],
  ...[takeWord, takeZone, takeNumber],
];

function resolve(found: Found, nowMs: number): number | null {
  if (found.atMs !== null) return found.atMs;
  const zone = found.zone ?? null;
  const today = readCalendar(nowMs, zone);
  if (today === null) return null;
  const startOf = (days: number) => momentOf(addDays(today, days), 0, zone);
  if (found.isNext && found.unitMs !== null && found.spanMs === null)
    return beginningOfNext(found.unitMs, { nowMs, today, startOf });
  const days = found.spanMs === null ? null : found.spanMs / DAY;
  if (found.spanMs !== null && (found.clockMs === null || !Number.isInteger(days)))
    return found.spanMs > 0 ? nowMs + Math.round(found.spanMs) : null;
  return hasTime(found)
    ? onTheWall({ ...found, offset: found.offset ?? days }, { nowMs, today, zone })
    : null;
}

interface Wall {
  readonly nowMs: number;
  readonly today: Day;
  readonly zone: Zone;
}

/** When the clock shows that time; without a day, a time that has passed is tomorrow's. */
function onTheWall(found: Found, { nowMs, today, zone }: Wall): number | null {
  const day = dayOf(found, today);
  const at = day === null ? null : momentOf(day, found.clockMs ?? 0, zone);
  if (day === null || at === null || at > nowMs - JUST_PAST_MS) return at;
  if (found.weekday !== null) return momentOf(addDays(day, 7), found.clockMs ?? 0, zone);
  return found.day === null && found.offset === null
    ? momentOf(addDays(day, 1), found.clockMs ?? 0, zone)
    : at;
}

interface Now {
  readonly nowMs: number;
  readonly today: Day;
  readonly startOf: (days: number) => number | null;
}

function beginningOfNext(unitMs: number, { nowMs, today, startOf }: Now): number | null {
  if (unitMs < DAY) return (Math.floor(nowMs / unitMs) + 1) * unitMs;
  if (unitMs === DAY) return startOf(1);
  if (unitMs === 7 * DAY) return startOf((8 - weekdayOf(today)) % 7 || 7);
  const daysLeft = new Date(Date.UTC(today.year, today.month, 0)).getUTCDate() - today.day;
  return startOf(daysLeft + 1);
}
