/**
 * What earlier folds of a run found, so that the next one costs in proportion to what changed
 * since. A part of a fold (a step, an item) is recorded with everything that it rests on: its
 * inputs, the files it looked at and whatever else it asked. While all of that is the same, its
 * outcome and what it added to the fold are taken as they were. Anyone who folds a run again and
 * again keeps the memo; without one everything is looked at again, and the result is the same.
 */
import type { Added, Fold, FoldMemo, Outcome, Part, Recording, Seen } from './fold.ts';

/** A memo that knows nothing yet. */
export function createFoldMemo(): FoldMemo {
  return { basis: [], fold: 0, parts: new Map(), values: new Map() };
}

/** Begins a fold: a memo of another plan or header is emptied. */
export function beginFold(memo: FoldMemo, basis: readonly unknown[]): void {
  if (!isSame(memo.basis, basis)) {
    memo.parts.clear();
    memo.values.clear();
    memo.basis = basis;
  }
  memo.fold += 1;
}

/**
 * The outcome of a part. `key` is its name in the run; `inputs` is all that it is given, compared
 * by identity; files and anything else that may change it must be asked with `readFile`, `hasFile`,
 * `ask` or `markUncacheable`.
 */
export function foldPart(
  fold: Fold,
  part: { readonly key: string; readonly inputs: readonly unknown[] },
  compute: () => Outcome,
): Outcome {
  const { memo, recordings } = fold;
  const outer = recordings.at(-1);
  const known = memo.parts.get(part.key);
  if (known !== undefined && isSame(known.inputs, part.inputs) && holds(fold, known)) {
    addAgain(fold, known.added);
    outer?.inner.push(known);
    return known.outcome;
  }
  const starts = startsOf(fold);
  const recording: Recording = { seen: [], inner: [], isLoose: false };
  recordings.push(recording);
  const outcome = compute();
  recordings.pop();
  if (recording.isLoose) {
    memo.parts.delete(part.key);
    if (outer !== undefined) outer.isLoose = true;
    return outcome;
  }
  const { seen, inner } = recording;
  const made: Part = {
    inputs: part.inputs,
    seen,
    inner,
    added: addedSince(fold, starts),
    outcome,
    checked: { fold: memo.fold, holds: true },
  };
  memo.parts.set(part.key, made);
  outer?.inner.push(made);
  return outcome;
}

/**
 * The same value as in the fold before while `basis` is the same: what it is an input of is then
 * the same, too. One `key`, one type.
 */
export function keepValue<T>(
  memo: FoldMemo,
  kept: { readonly key: string; readonly basis: readonly unknown[] },
  make: () => T,
): T {
  const known = memo.values.get(kept.key);
  // Its key says what it is: only this call has set it.
  if (known !== undefined && isSame(known.basis, kept.basis)) return known.value as T;
  const value = make();
  memo.values.set(kept.key, { basis: kept.basis, value });
  return value;
}

/** The text of a file of the run. */
export function readFile(fold: Fold, path: string): string | undefined {
  const text = fold.input.files.get(path);
  fold.recordings.at(-1)?.seen.push({ path, text });
  return text;
}

/** True when the file stands. */
export function hasFile(fold: Fold, path: string): boolean {
  return readFile(fold, path) !== undefined;
}

/** Anything else that the outcome hangs on, compared by identity. */
export function ask<T>(fold: Fold, question: (fold: Fold) => T): T {
  const told = question(fold);
  fold.recordings.at(-1)?.seen.push({ path: null, ask: question, told });
  return told;
}

/** The part that is being folded rests on more than can be compared. */
export function markUncacheable(fold: Fold): void {
  const recording = fold.recordings.at(-1);
  if (recording !== undefined) recording.isLoose = true;
}

function holds(fold: Fold, part: Part): boolean {
  const { memo, input } = fold;
  if (part.checked.fold === memo.fold) return part.checked.holds;
  const isSeenAgain = (seen: Seen): boolean =>
    seen.path === null
      ? Object.is(seen.ask(fold), seen.told)
      : input.files.get(seen.path) === seen.text;
  const still = part.seen.every(isSeenAgain) && part.inner.every((inner) => holds(fold, inner));
  part.checked = { fold: memo.fold, holds: still };
  return still;
}

function isSame(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((each, index) => Object.is(each, other[index]));
}

type Starts = Readonly<Record<keyof Added, number>>;

function startsOf(fold: Fold): Starts {
  return {
    tasks: fold.tasks.length,
    proposals: fold.proposals.length,
    gates: fold.gates.length,
    steps: fold.steps.length,
    occupied: fold.occupied.length,
    failedChains: fold.failedChains.length,
    spentSteps: fold.spentSteps.length,
  };
}

/** A part adds behind what stands, and takes back only what it added itself. */
function addedSince(fold: Fold, starts: Starts): Added {
  return {
    tasks: fold.tasks.slice(starts.tasks),
    proposals: fold.proposals.slice(starts.proposals),
    gates: fold.gates.slice(starts.gates),
    steps: fold.steps.slice(starts.steps),
    occupied: fold.occupied.slice(starts.occupied),
    failedChains: fold.failedChains.slice(starts.failedChains),
    spentSteps: fold.spentSteps.slice(starts.spentSteps),
  };
}

function addAgain(fold: Fold, added: Added): void {
  append(fold.tasks, added.tasks);
  append(fold.proposals, added.proposals);
  append(fold.gates, added.gates);
  append(fold.steps, added.steps);
  append(fold.occupied, added.occupied);
  append(fold.failedChains, added.failedChains);
  append(fold.spentSteps, added.spentSteps);
}

function append<T>(to: T[], added: readonly T[]): void {
  for (const each of added) to.push(each);
}
