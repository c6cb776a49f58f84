/**
 * When a limit ends, as programs tell it: in a key (`"resetsAt":1759000000`, `Retry-After: 30`) or
 * in prose (`try again in 3 days 6 hours`, `resets Dec 3, 7am (Europe/Zurich)`). Pure.
 */
import { DAY, MINUTE } from '../base/clock.ts';
import { readMoment } from './moment-words.ts';

/** No limit known is longer; what is, was misread. */
const RESET_MAX_MS = 40 * DAY;
/** A reset that has just been is one: the telling took a while. */
const JUST_PAST_MS = 10 * MINUTE;
/** How much text after a sign is read, and how many signs are followed. */
const REACH = 160;
const SIGNS_MAX = 40;

interface Sign {
  readonly sign: RegExp;
  /** A number without a unit after it is one of seconds. */
  readonly bareSeconds: boolean;
  /** The moment itself, which nothing announces: only one that is clearly to come is meant. */
  readonly isBare?: boolean;
}

/** Words before a moment: the surest first. */
const SIGNS: readonly Sign[] = [
  {
    sign: /retry[-_ ]?(?:after|delay|in)|reset[-_ ]?(?:in|after|delay)\b|\bcool[- ]?down\b/gi,
    bareSeconds: true,
  },
  { sign: /limit reached\|/gi, bareSeconds: false },
  {
    sign: /\bresets?(?=[^a-z]|at|in|on|time|date)|\bresetting\b|\b(?:renew|replenish|refresh|refill)(?:s|es|ed)?\b/gi,
    bareSeconds: false,
  },
  {
    sign: /\b(?:again|retry|retrying|wait|waiting|back off|versuchen|warten|r[eé]essayez)\b/gi,
    bareSeconds: true,
  },
  {
    sign: /\b(?:available|back|access|until|resumes?|restored?|lifted|lifts|expires?|ends|unblock(?:s|ed)?|next attempt)\b/gi,
    bareSeconds: false,
  },
  {
    sign: /(?=\b\d{4}[-/]\d{1,2}[-/]\d{1,2},?[T ]\d{1,2}:\d{2})|(?=\b(?:sun|mon|tues|wednes|thurs|fri|satur)day\b)|(?=\b(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]{0,6} \d{1,2}\b)|(?=\b\d{1,2}(?::\d{2})? ?[ap]m\b)/gi,
    bareSeconds: false,
    isBare: true,
  },
];

/**
 * The moment (milliseconds since the epoch) at which the limit ends, or null when the text does not
 * tell.
 */
export function parseReset(text: string, nowMs: number): number | null {
  // `quotaResetDelay` as words.
  const words = text.replace(/([a-z])(?=[A-Z])/g, '$1 ');
  for (const { sign, bareSeconds, isBare } of SIGNS)
    for (const match of first(words.matchAll(sign), SIGNS_MAX)) {
      const start = match.index + match[0].length;
      const at = readMoment(words.slice(start, start + REACH), { nowMs, bareSeconds });
      const earliestMs = isBare === true ? nowMs + MINUTE : nowMs - JUST_PAST_MS;
      if (at !== null && at > earliestMs && at < nowMs + RESET_MAX_MS) return at;
    }
  return null;
}

function* first<T>(items: Iterable<T>, countMax: number): Iterable<T> {
  let count = 0;
  for (const item of items) {
    if (count >= countMax) return;
    count += 1;
    yield item;
  }
}
