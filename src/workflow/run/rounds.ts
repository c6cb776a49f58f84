/**
 * Rounds: a gate that is denied with `rework` sends a step, and everything after it, into its next
 * round. Counted from the decisions that stand.
 */
import { parseIso } from '../../base/clock.ts';
import { readFile } from './fold-memo.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import type { Step } from '../language/plan.ts';
import { descendantsOf } from '../language/reach.ts';
import { decisionPath, gateFolder } from '../../protocol/run-paths.ts';
import type { Fold, Level } from './fold.ts';

export interface Round {
  readonly round: number;
  /** What people said when they sent this very step back. */
  readonly notes: readonly string[];
  /** When it began: the time of the denial; 0 for the first. */
  readonly atMs: number;
}

/** Where every step begins. */
export const FIRST_ROUND: Round = { round: 1, notes: [], atMs: 0 };

/** Denials that still lead to rework. */
export interface Denials {
  readonly count: number;
  readonly texts: readonly string[];
  readonly atMs: number;
}

/** The round of every step of a level. */
export function roundsOf(fold: Fold, level: Level): ReadonlyMap<string, Round> {
  const rounds = new Map<string, Round>();
  const gates = new Map<string, { readonly target: string; readonly denials: Denials }[]>();
  for (const step of level.steps) {
    const target = reworkTarget(step);
    if (target === null) continue;
    const gate = { target, denials: denialsOf(fold, level, step) };
    for (const id of new Set([target, ...descendantsOf(target, level.steps)])) {
      const list = gates.get(id);
      if (list === undefined) gates.set(id, [gate]);
      else list.push(gate);
    }
  }
  for (const step of level.steps) {
    const mine = gates.get(step.id) ?? [];
    rounds.set(step.id, {
      round: 1 + mine.reduce((sum, gate) => sum + gate.denials.count, 0),
      notes: mine
        .filter(({ target }) => target === step.id)
        .flatMap(({ denials }) => denials.texts),
      atMs: Math.max(0, ...mine.map(({ denials }) => denials.atMs)),
    });
  }
  return rounds;
}

/** The name of a gate in file names. */
export function gateName(level: Level, step: Step): string {
  return `${level.gatePrefix}${step.id}`;
}

/** How many more denials of the gate send work back before one ends it. */
export function reworksLeft(fold: Fold, level: Level, step: Step): number {
  const onDeny = step.body.kind === 'ask' ? step.body.onDeny : null;
  return onDeny?.kind === 'rework' ? onDeny.max - denialsOf(fold, level, step).count : 0;
}

function reworkTarget(step: Step): string | null {
  return step.body.kind === 'ask' && step.body.onDeny.kind === 'rework'
    ? step.body.onDeny.step
    : null;
}

/**
 * Rounds of other gates let numbers be skipped, so every possible folder is looked at; `max`
 * denials count, the next one fails the gate.
 */
function denialsOf(fold: Fold, level: Level, step: Step): Denials {
  const onDeny = step.body.kind === 'ask' ? step.body.onDeny : null;
  if (onDeny?.kind !== 'rework') return { count: 0, texts: [], atMs: 0 };
  const texts: string[] = [];
  let atMs = 0;
  const highest =
    1 +
    level.steps.reduce(
      (sum, each) =>
        sum +
        (each.body.kind === 'ask' && each.body.onDeny.kind === 'rework' ? each.body.onDeny.max : 0),
      0,
    );
  for (let round = 1; round <= highest && texts.length < onDeny.max; round += 1) {
    const decided = parseJson(
      readFile(fold, decisionPath(gateFolder(fold.root, gateName(level, step), round))) ?? '',
    );
    if (!isJsonObject(decided) || decided['decision'] !== 'deny') continue;
    texts.push(typeof decided['text'] === 'string' ? decided['text'] : '');
    const { timestamp } = decided;
    atMs = Math.max(atMs, typeof timestamp === 'string' ? (parseIso(timestamp) ?? 0) : 0);
  }
  return { count: texts.length, texts, atMs };
}
