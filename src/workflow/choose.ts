/** Which of the proposals becomes the next commit: files first, then as many tasks of one step as the caps let through. */
import type { Cap, Fold, Proposal } from './fold-context.ts';
import type { Transition } from './run-input.ts';

/** The next transition among the proposals, or null when all are held back. `agentsLeft` tasks may still be added in this run. */
export function chooseTransition(fold: Fold, agentsLeft: number): Transition | null {
  const file = fold.proposals.find((proposal) => proposal.kind === 'file');
  if (file !== undefined) return { name: file.name, files: file.files };
  const tasks = [...fold.proposals].sort((a, b) => b.priority - a.priority);
  const chosen: Proposal[] = [];
  const active = new Map([...fold.active].map(([key, units]) => [key, new Set(units)] as const));
  let left = agentsLeft;
  for (const proposal of tasks) {
    const [first] = chosen;
    if (first !== undefined && first.name !== proposal.name) continue;
    if ((proposal.isAgent && left <= 0) || !proposal.caps.every((cap) => hasPlace(cap, active))) continue;
    if (proposal.isAgent) left -= 1;
    for (const { key, unit } of proposal.caps) active.set(key, (active.get(key) ?? new Set<string>()).add(unit));
    chosen.push(proposal);
  }
  const [first] = chosen;
  if (first === undefined) return null;
  const count = chosen.length === 1 ? '1 task' : `${String(chosen.length)} tasks`;
  return {
    name: first.name.startsWith('fanout ') ? `${first.name} (${count})` : first.name,
    files: chosen.flatMap((proposal) => proposal.files),
  };
}

function hasPlace({ key, max, unit }: Cap, active: ReadonlyMap<string, ReadonlySet<string>>): boolean {
  const units = active.get(key);
  return units === undefined || units.has(unit) || units.size < max;
}
