/**
 * Tasks that their step does not look at any more: by a retry, an amendment or a reply that was
 * removed its `if` does not hold now, an item is gone, or a loop needs fewer passes. They were
 * asked, so they count; while the step has not ended they may be wanted again.
 */
import { byCodeUnit } from '../../base/order.ts';
import { parseMessagePath } from '../../protocol/paths.ts';
import { folderOfStep, taskNumber, topStepOf } from '../../protocol/run-paths.ts';
import type { Fold, Outcome } from './fold.ts';
import { runCap } from './chain.ts';
import { isEnded, occupy, stopBelow } from './fold-context.ts';
import { viewTask } from './task-view.ts';

/**
 * Notes such tasks of the steps that have outcomes, which stand at the top of the plan, once all of
 * these are folded; proposes to close what is at work in those that have ended.
 */
export function noteLeftTasks(fold: Fold, outcomes: ReadonlyMap<string, Outcome>): void {
  if (outcomes.size === 0) return;
  const known = new Set(fold.tasks.map(({ path }) => path));
  const left = [...fold.input.files.keys()].filter(
    (path) =>
      !known.has(path) &&
      taskNumber(path) !== null &&
      parseMessagePath(path) !== null &&
      outcomes.has(stepOf(fold, path)),
  );
  const open = new Set<string>();
  for (const path of left.sort(byCodeUnit)) {
    const task = viewTask(fold.input.files, path);
    fold.tasks.push(task);
    if (task.state !== 'open') continue;
    const step = stepOf(fold, path);
    const ownCap = { key: folderOfStep(fold.root, step), max: Infinity, unit: path };
    occupy(fold, [runCap(fold, path), ownCap]);
    open.add(step);
  }
  for (const step of open) {
    const of = outcomes.get(step);
    if (of === undefined || !isEnded(of)) continue;
    const why = 'nothing waits for its answer any more';
    stopBelow(fold, folderOfStep(fold.root, step), {
      atMs: of.atMs,
      why,
      called: { name: `close ${step}`, words: `stop ${step}: ${why}` },
    });
  }
}

function stepOf({ root }: Fold, path: string): string {
  return topStepOf(path.slice(root.length)) ?? '';
}
