/**
 * What an attempt had said and changed, for the attempt after it: the record at
 * `refs/crosstalk/capsules/<key>`. PROTOCOL.md "Capsules". Pure.
 */
import { DAY } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import { type CapsuleWork, packWork, unpackWork } from './capsule-work.ts';
import { parseRecord } from './claim.ts';
import { isAlias, isName } from './names.ts';
import { isMapping } from './yaml.ts';

export interface Capsule {
  /** Host and attempt that said it. */
  readonly alias: string;
  readonly attempt: number;
  /** The model that said it; absent = unknown. */
  readonly model?: string | undefined;
  /** The end of what it said, secrets removed. It is data for its reader. */
  readonly text: string;
  /** What it had changed in its worktree; absent = nothing, or nothing is told. */
  readonly work?: CapsuleWork;
  /** The earlier attempt that it began with; absent = none. */
  readonly before?: Continued;
}

/** An attempt that another one began with. */
export interface Continued {
  readonly alias: string;
  readonly attempt: number;
  /** Its model, where that was another one than the one that answers. */
  readonly model?: string | undefined;
  /** Its changes were in the worktree. */
  readonly hasChanges: boolean;
}

/** Characters of text that are kept: as JSON they fit into a record. */
export const CAPSULE_CHARS_MAX = 8_000;

/** Capsules of failed work that stay at the same time. */
const FAILED_MAX = 64;

/** As in a claim: a greater number is no attempt's. */
const ATTEMPTS_MAX = 1_000_000;

/** A record is read up to 65,536 characters; the keys beside text and packed work need few. */
const RECORD_CHARS_MAX = 65_000;

/** The one line of JSON that a capsule's commit carries. */
export function formatCapsule({ alias, attempt, model, text, work, before }: Capsule): string {
  const said = { v: 1, alias, attempt, model, text: tailOf(text), before };
  if (work === undefined) return JSON.stringify(said);
  const room = RECORD_CHARS_MAX - JSON.stringify(said).length;
  return JSON.stringify({ ...said, work: packWork(work, room) });
}

/** The capsule in a commit message; null for anything else. */
export function parseCapsule(message: string): Capsule | null {
  const raw = parseRecord(message);
  if (raw === null || raw['v'] !== 1) return null;
  const { alias, attempt, model, text } = raw;
  if (typeof alias !== 'string' || !isAlias(alias) || typeof text !== 'string') return null;
  const work = unpackWork(raw['work']);
  const before = parseContinued(raw['before']);
  return isCount(attempt) && (text.trim() !== '' || work !== null)
    ? {
        ...{ alias, attempt, model: nameIn(model), text: tailOf(text) },
        ...(work === null ? {} : { work }),
        ...(before === null ? {} : { before }),
      }
    : null;
}

function isCount(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) > 0 && Number(value) <= ATTEMPTS_MAX;
}

function nameIn(value: unknown): string | undefined {
  return typeof value === 'string' && isName(value) ? value : undefined;
}

function parseContinued(raw: unknown): Continued | null {
  if (!isMapping(raw)) return null;
  const { alias, attempt, model, hasChanges } = raw;
  return typeof alias === 'string' && isAlias(alias) && isCount(attempt)
    ? { alias, attempt, model: nameIn(model), hasChanges: hasChanges === true }
    : null;
}

/**
 * Name of the capsule of work that has failed: it stays for those who ask again, on the day (UTC)
 * in its name and the one after it.
 */
export function failedName(key: string, wallMs: number): string {
  return `${key}-${Math.floor(wallMs / DAY)}`;
}

/** Key and day of such a name; null for any other. */
export function parseFailedName(
  name: string,
): { readonly key: string; readonly day: number } | null {
  const [, key, day] = /^([0-9a-f]{32})-(\d{1,6})$/.exec(name) ?? [];
  return key === undefined ? null : { key, day: Number(day) };
}

/** Those of the names that stay at this time; of anybody's many the last by name. */
export function failedNow(names: Iterable<string>, wallMs: number): ReadonlySet<string> {
  const today = Math.floor(wallMs / DAY);
  const fresh = [...names].filter((name) => {
    const { day } = parseFailedName(name) ?? { day: Number.NEGATIVE_INFINITY };
    // The clock that named it may be ahead of this one.
    return today - day <= 1 && day - today <= 1;
  });
  return new Set(fresh.sort(byCodeUnit).slice(-FAILED_MAX));
}

/** The end of a text, never half of a character. */
export function tailOf(text: string): string {
  return text.slice(-CAPSULE_CHARS_MAX).replace(/^[\udc00-\udfff]/, '');
}
