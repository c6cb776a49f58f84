/**
 * Which of the proposals becomes the next commit: files first, then as many tasks of one step as
 * the caps let through.
 */
import { RunTooLarge } from '../language/too-large.ts';
import { composeProposal } from './fold-context.ts';
import type { Transition } from './run-input.ts';
import type { Cap, Composed, Fold, Proposal } from './fold.ts';

/**
 * The next transition among the proposals, or null when all are held back. `agentsLeft` tasks may
 * still be added in this run.
 */
export function chooseTransition(fold: Fold, agentsLeft: number): Transition | null {
  const file = fold.proposals.find((proposal) => proposal.kind === 'file');
  if (file !== undefined) {
    const composed = composeNamed(fold, file);
    return { ...file.call([composed]), files: composed.files };
  }
  const tasks = [...fold.proposals].sort((a, b) => b.priority - a.priority);
  const chosen: Composed[] = [];
  let first: Proposal | null = null;
  const active = new Map<string, Set<string>>();
  const occupy = ({ key, unit }: Cap): void =>
    void active.set(key, (active.get(key) ?? new Set<string>()).add(unit));
  fold.occupied.forEach(occupy);
  let left = agentsLeft;
  for (const proposal of tasks) {
    const { name, caps } = proposal;
    if (first !== null && first.name !== name) continue;
    // What is answered already would need no place; finding out is expensive, and the next free
    // place comes soon.
    if (!caps.every((cap) => hasPlace(cap, active))) continue;
    const composed = composeNamed(fold, proposal);
    const { isAgent, isOpen } = composed;
    if (isAgent && left <= 0) continue;
    if (isAgent) left -= 1;
    if (isOpen) caps.forEach(occupy);
    chosen.push(composed);
    first ??= proposal;
  }
  return first === null
    ? null
    : { ...first.call(chosen), files: chosen.flatMap(({ files }) => files) };
}

/** What outgrows every use is found here: prompts are made when they are needed. */
function composeNamed(fold: Fold, proposal: Proposal): Composed {
  try {
    return composeProposal(fold, proposal);
  } catch (error) {
    if (!(error instanceof RunTooLarge)) throw error;
    throw new RunTooLarge(`${proposal.name}: ${error.message}`);
  }
}

function hasPlace(
  { key, max, unit }: Cap,
  active: ReadonlyMap<string, ReadonlySet<string>>,
): boolean {
  const units = active.get(key);
  return units === undefined || units.has(unit) || units.size < max;
}
