/**
 * What a step did in rounds that a gate has sent back. Nothing of it counts as a result any more,
 * but it was asked, answered and paid for; open tasks there are closed, because nobody
 * will read its answer.
 */
import { parseMessagePath } from '../../protocol/paths.ts';
import { stopBelow } from './fold-context.ts';
import { markUncacheable } from './fold-memo.ts';
import type { Round } from './rounds.ts';
import { viewTask } from './task-view.ts';
import { parseTurn, taskNumber } from '../../protocol/run-paths.ts';
import { sumUse, type Use } from '../../protocol/usage.ts';
import type { Fold, TaskView } from './fold.ts';

/**
 * Notes the tasks below `stepFolder` of rounds before `round`. What they cost; and false while some
 * of them must be closed.
 */
export function noteEarlierRounds(
  fold: Fold,
  {
    stepFolder,
    round,
    step,
  }: { readonly stepFolder: string; readonly round: Round; readonly step: string },
): Use & { readonly isClosed: boolean } {
  const tasks = round.round < 2 ? [] : tasksBefore(fold, stepFolder, round.round);
  fold.tasks.push(...tasks);
  const open = tasks.filter((task) => task.state === 'open');
  // Each on its own: the folders of this round have the same beginning.
  const closed = open.map((task) =>
    stopBelow(fold, task.path, {
      atMs: round.atMs,
      why: 'the work was sent back',
      called: { name: `send back ${step}`, words: `send back ${step}` },
    }),
  );
  return { ...sumUse(tasks.filter((task) => !task.isReused)), isClosed: closed.every(Boolean) };
}

function tasksBefore(fold: Fold, stepFolder: string, round: number): readonly TaskView[] {
  markUncacheable(fold);
  return fold.paths().flatMap((path) => {
    if (
      !path.startsWith(stepFolder) ||
      taskNumber(path) === null ||
      parseMessagePath(path) === null
    )
      return [];
    if (parseTurn(path.slice(stepFolder.length)).round >= round) return [];
    return [viewTask(fold.input.files, path)];
  });
}
