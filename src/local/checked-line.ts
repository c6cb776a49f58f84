/** One line of text that shows whether it is whole: 16 hex of its sha256, a space, JSON. */
import { createHash } from 'node:crypto';

const SUM_LENGTH = 16;

/** The value when the line is whole, else why it is not. */
export type CheckedLine =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'damaged'; readonly why: string };

/** Something in the state directory that cannot be read; it is skipped and stays where it is. */
export interface Damage {
  readonly path: string;
  /** 1-based line, null when it is about the whole file. */
  readonly line: number | null;
  readonly why: string;
}

/** Told of each damage once, when it is found. */
export type OnDamage = (damage: Damage) => void;

/** The line of a value, without its newline. */
export function formatCheckedLine(value: unknown): string {
  const json = JSON.stringify(value);
  return `${checksum(json)} ${json}`;
}

/** The value of a line, or what is wrong with it. Never throws. */
export function parseCheckedLine(line: string): CheckedLine {
  const json = line.slice(SUM_LENGTH + 1);
  if (line.charAt(SUM_LENGTH) !== ' ' || checksum(json) !== line.slice(0, SUM_LENGTH))
    return { kind: 'damaged', why: 'the checksum does not fit the text' };
  try {
    return { kind: 'value', value: JSON.parse(json) as unknown };
  } catch {
    return { kind: 'damaged', why: 'not JSON, though the checksum fits' };
  }
}

function checksum(json: string): string {
  return createHash('sha256').update(json).digest('hex').slice(0, SUM_LENGTH);
}
