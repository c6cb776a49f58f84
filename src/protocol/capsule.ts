/**
 * What an attempt had said and changed, for the attempt after it: the record at
 * `refs/crosstalk/capsules/<key>`. PROTOCOL.md "Capsules". Pure.
 */
import { type CapsuleWork, packWork, unpackWork } from './capsule-work.ts';
import { parseRecord } from './claim.ts';
import { isAlias } from './names.ts';

export interface Capsule {
  /** Host and attempt that said it. */
  readonly alias: string;
  readonly attempt: number;
  /** The end of what it said, secrets removed. It is data for its reader. */
  readonly text: string;
  /** What it had changed in its worktree; absent = nothing, or nothing is told. */
  readonly work?: CapsuleWork;
}

/** Characters of text that are kept: as JSON they fit into a record. */
export const CAPSULE_CHARS_MAX = 8_000;

/** As in a claim: a greater number is no attempt's. */
const ATTEMPTS_MAX = 1_000_000;

/** A record is read up to 65,536 characters; the keys beside text and packed work need few. */
const RECORD_CHARS_MAX = 65_000;

/** The one line of JSON that a capsule's commit carries. */
export function formatCapsule({ alias, attempt, text, work }: Capsule): string {
  const said = { v: 1, alias, attempt, text: tailOf(text) };
  if (work === undefined) return JSON.stringify(said);
  const room = RECORD_CHARS_MAX - JSON.stringify(said).length;
  return JSON.stringify({ ...said, work: packWork(work, room) });
}

/** The capsule in a commit message; null for anything else. */
export function parseCapsule(message: string): Capsule | null {
  const raw = parseRecord(message);
  if (raw === null || raw['v'] !== 1) return null;
  const { alias, attempt, text } = raw;
  if (typeof alias !== 'string' || !isAlias(alias) || typeof text !== 'string') return null;
  const isCount =
    typeof attempt === 'number' &&
    Number.isInteger(attempt) &&
    attempt > 0 &&
    attempt <= ATTEMPTS_MAX;
  const work = unpackWork(raw['work']);
  return isCount && (text.trim() !== '' || work !== null)
    ? { alias, attempt, text: tailOf(text), ...(work === null ? {} : { work }) }
    : null;
}

/** The end of a text, never half of a character. */
export function tailOf(text: string): string {
  return text.slice(-CAPSULE_CHARS_MAX).replace(/^[\udc00-\udfff]/, '');
}
