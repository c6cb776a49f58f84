/** The budget of a single step. */
import { sumUse } from '../../protocol/usage.ts';
import { isEnded, settle, stopBelow, wantsAgent, withdraw } from './fold-context.ts';
import { markUncacheable, readFile } from './fold-memo.ts';
import type { Unit } from './unit.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import type { Fold, Outcome } from './fold.ts';

/** A step that used up its own budget fails; what it has open is closed. */
export function foldOwnLimits(fold: Fold, unit: Unit, folded: Outcome): Outcome {
  const { step, stepFolder, prefix } = unit;
  const path = `${stepFolder}${prefix}failed.json`;
  const standing = parseJson(readFile(fold, path) ?? '');
  const why =
    isJsonObject(standing) && typeof standing['why'] === 'string' ? standing['why'] : null;
  if (why !== null) {
    noRetry(fold, unit);
    const called = { name: `close ${step.id}`, words: `stop ${step.id}: ${why}` };
    const done = stopBelow(fold, stepFolder, { atMs: folded.atMs, why, called });
    return done
      ? { ...folded, status: 'failed', isFailed: true, why }
      : { ...folded, status: 'running' };
  }
  if (step.budget === null || isEnded(folded)) return folded;
  // Whether a proposal wants an agent is known only when it is composed, which may ask for
  // anything.
  markUncacheable(fold);
  const mine = fold.tasks.filter((task) => task.path.startsWith(stepFolder) && !task.isReused);
  const left = (step.budget.agents ?? Infinity) - mine.length;
  const isMine = (paths: readonly string[]): boolean =>
    paths.some((path) => path.startsWith(stepFolder));
  const wanted = fold.proposals.filter(
    (proposal) => isMine(proposal.paths) && wantsAgent(fold, proposal),
  );
  const { usd, tokens } = sumUse(mine);
  const isSpent =
    usd >= (step.budget.usd ?? Infinity) || tokens >= (step.budget.tokens ?? Infinity) || left <= 0;
  if (isSpent) noRetry(fold, unit);
  if (wanted.length === 0) return folded;
  const dropped = new Set(isSpent ? wanted : wanted.slice(left));
  withdraw(fold, (proposal) => dropped.has(proposal));
  if (isSpent && !mine.some((task) => task.state === 'open'))
    settle(fold, {
      path,
      called: {
        name: `fail ${step.id} (budget)`,
        words: `failed (${step.id}): its budget is used up`,
      },
      atMs: folded.atMs,
      content: { why: 'the budget of the step is used up' },
    });
  return folded;
}

/** A retry has no budget left: its tasks would be closed at once. */
function noRetry(fold: Fold, { step, stepFolder }: Unit): void {
  fold.spentSteps.push(step.id);
  const others = fold.failedChains.filter(({ folder }) => !folder.startsWith(stepFolder));
  fold.failedChains.splice(0, fold.failedChains.length, ...others);
}
