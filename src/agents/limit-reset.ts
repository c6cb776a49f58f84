/**
 * When a limit ends, as programs tell it in prose: `|1759000000`, `try again in 3 days 6 hours`,
 * `resets 3pm (America/Los_Angeles)`. Pure.
 */
import { DAY, HOUR, MINUTE, parseIso, SECOND } from '../base/clock.ts';

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: SECOND, m: MINUTE, h: HOUR, d: DAY };
/** No limit known is longer; what is, was misread. */
const RESET_MAX_MS = 40 * DAY;

/**
 * The moment (milliseconds since the epoch) at which the limit ends, or null when the text does not
 * tell.
 */
export function parseReset(text: string, nowMs: number): number | null {
  const found = [epoch(text), iso(text), afterSpan(text, nowMs), atClockTime(text, nowMs)];
  return (
    found.find((ms) => ms !== null && ms > nowMs - MINUTE && ms < nowMs + RESET_MAX_MS) ?? null
  );
}

function epoch(text: string): number | null {
  const match = /(?:\||resets?_?(?:at)?["']?[:= ]{1,4})(\d{10})(\d{3})?\b/i.exec(text);
  return match === null ? null : Number(match[1]) * SECOND + Number(match[2] ?? 0);
}

function iso(text: string): number | null {
  const match =
    /\b\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:?\d{2})/.exec(text);
  return match === null ? null : parseIso(match[0]);
}

/**
 * `retry-after: 30`, `try again in 1h2m3.5s`, `resets in 2 hours 5 minutes`, `"retryDelay":"12s"`.
 */
function afterSpan(text: string, nowMs: number): number | null {
  const match =
    /(?:retry[- ]?after|retry[- ]?delay|(?:again|retry|resets?|refresh(?:es)?) in|wait)["']?[:= ]*["']?((?:\d+(?:\.\d+)?\s*[a-z]*[\s,]*(?:and\s+)?){1,5})/i.exec(
      text,
    );
  if (match === null) return null;
  const parts = [...(match[1] ?? '').matchAll(/(\d+(?:\.\d+)?)\s*([a-z]*)/gi)].map(
    ([, amount, unit]) => Number(amount) * unitMs(unit ?? ''),
  );
  const total = parts.reduce((all, part) => all + part, 0);
  return Number.isFinite(total) && total > 0 ? nowMs + Math.round(total) : null;
}

/** A bare number is one of seconds, as in HTTP; an unknown word makes the span unreadable. */
function unitMs(unit: string): number {
  const word = unit.toLowerCase();
  const short = word === '' ? 's' : /^(ms|millis)/.test(word) ? 'ms' : word.charAt(0);
  return UNITS_MS[short] ?? Number.NaN;
}

/**
 * The next time that a clock in the given zone (or here) shows it; wrong by an hour on the day when
 * the clocks change.
 */
function atClockTime(text: string, nowMs: number): number | null {
  const match =
    /(?:resets?|again|available)(?: at)? (\d{1,2})(?::(\d{2}))? ?([ap]m)(?: \(([\w/+-]+)\))?/i.exec(
      text,
    );
  if (match === null) return null;
  const hour = (Number(match[1]) % 12) + (match[3]?.toLowerCase() === 'pm' ? 12 : 0);
  const shown = clockMs(nowMs, match[4]);
  if (shown === null) return null;
  const wait = hour * HOUR + Number(match[2] ?? 0) * MINUTE - shown;
  return nowMs + (wait > 0 ? wait : wait + DAY);
}

function clockMs(nowMs: number, timeZone: string | undefined): number | null {
  try {
    const format = new Intl.DateTimeFormat('en-US', {
      timeZone,
      hour: 'numeric',
      minute: 'numeric',
      hourCycle: 'h23',
    });
    const parts = format.formatToParts(new Date(nowMs));
    const read = (type: string): number => Number(parts.find((part) => part.type === type)?.value);
    return read('hour') * HOUR + read('minute') * MINUTE;
  } catch {
    return null;
  }
}
