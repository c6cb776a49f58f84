/**
 * One line of `doctor`: what was looked at, how it is, the command that fixes it, and what --fix
 * does.
 */
import { type Fix, toFix } from '../../base/fix.ts';

export interface Finding {
  readonly name: string;
  readonly level: 'ok' | 'warn' | 'bad';
  readonly says: string;
  readonly fix: Fix | null;
  /** Repairs it and says what was done; null when only a person can. */
  readonly repair: (() => Promise<string>) | null;
}

/** Nothing to do. */
export function fine(name: string, says: string): Finding {
  return { name, level: 'ok', says, fix: null, repair: null };
}

/** Something to look at, or to repair. */
export function trouble(
  level: 'warn' | 'bad',
  name: string,
  what: {
    readonly says: string;
    readonly fix: Fix | string | null;
    readonly repair?: () => Promise<string>;
  },
): Finding {
  return { name, level, says: what.says, fix: toFix(what.fix), repair: what.repair ?? null };
}
