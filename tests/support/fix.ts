/** What helps, compared as a person reads it. */
import { type Fix, formatFix } from '../../src/base/fix.ts';

/** Matches a fix that reads like this; with a pattern, one that has it. */
export function fixIs(line: string | RegExp): unknown {
  return {
    asymmetricMatch: (value: unknown): boolean =>
      isFix(value) &&
      (typeof line === 'string' ? formatFix(value) === line : line.test(formatFix(value))),
    toString: () => `fix: ${String(line)}`,
    toAsymmetricMatcher: () => `fix: ${String(line)}`,
  };
}

/** The same value in one line. */
export function fixLine(value: unknown): string {
  return isFix(value) ? formatFix(value) : '';
}

function isFix(value: unknown): value is Fix {
  return typeof value === 'object' && value !== null && 'command' in value && 'note' in value;
}
