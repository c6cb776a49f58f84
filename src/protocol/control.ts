/**
 * The order to all hosts: the record at `refs/crosstalk/control/all`. A pause holds until the
 * record is removed; drain and stop name the runs they apply to.
 */
import { isHex, parseRecord } from './claim.ts';

export const CONTROL_OPS = ['pause', 'drain', 'stop'] as const;
export type ControlOp = (typeof CONTROL_OPS)[number];

export interface Control {
  readonly op: ControlOp;
  /** Who asked, for people. */
  readonly by: string;
  /**
   * The dispatcher runs that were alive when it was asked; one that starts later is not meant by
   * drain and stop.
   */
  readonly runs: readonly string[];
}

/** The last part of the control ref's name. */
export const CONTROL_NAME = 'all';

/** The one line of JSON that the control commit carries. */
export function formatControl(control: Control): string {
  return JSON.stringify({ v: 1, ...control });
}

/** The control order in a commit message; null for anything else. */
export function parseControl(text: string): Control | null {
  const raw = parseRecord(text);
  const op = CONTROL_OPS.find((known) => known === raw?.['op']);
  if (raw === null || op === undefined) return null;
  return {
    op,
    by: typeof raw['by'] === 'string' ? raw['by'].slice(0, 64) : '',
    runs: Array.isArray(raw['runs']) ? raw['runs'].filter(isHex) : [],
  };
}
