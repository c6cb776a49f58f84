/**
 * What an attempt had said, for the attempt after it: the record at `refs/crosstalk/capsules/<key>`.
 * PROTOCOL.md "Capsules". Pure.
 */
import { parseRecord } from './claim.ts';
import { isAlias } from './names.ts';

export interface Capsule {
  /** Host and attempt that said it. */
  readonly alias: string;
  readonly attempt: number;
  /** The end of what it said, secrets removed. It is data for whoever reads it. */
  readonly text: string;
}

/** Characters of text that are kept: as JSON they fit into a record. */
export const CAPSULE_CHARS_MAX = 8_000;

/** As in a claim: a greater number is no attempt's. */
const ATTEMPTS_MAX = 1_000_000;

/** The one line of JSON that a capsule's commit carries. */
export function formatCapsule({ alias, attempt, text }: Capsule): string {
  return JSON.stringify({ v: 1, alias, attempt, text: tailOf(text) });
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
  return isCount && text.trim() !== '' ? { alias, attempt, text: tailOf(text) } : null;
}

/** The end of a text, never half of a character. */
export function tailOf(text: string): string {
  return text.slice(-CAPSULE_CHARS_MAX).replace(/^[\udc00-\udfff]/, '');
}
