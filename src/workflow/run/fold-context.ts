/**
 * The state of one fold over a run's files. Folding a step either finds its outcome in the files or
 * proposes the files that bring it nearer; at the end the engine takes the first proposal.
 * Proposals of tasks are held back by caps, all others are free.
 */
import { formatIso } from '../../base/clock.ts';
import { ask, hasFile } from './fold-memo.ts';
import type { JsonObject } from '../language/json.ts';
import type { NewFile, TransitionName } from './run-input.ts';
import { closedReply } from './task-file.ts';
import { folderOfStep, taskNumber } from '../../protocol/run-paths.ts';
import type { Cap, Composed, Fold, Outcome, Proposal, Status } from './fold.ts';

/** True when nothing more will happen to it on its own. */
export function isEnded({ status }: { readonly status: Status }): boolean {
  return ['succeeded', 'degraded', 'failed', 'skipped', 'cancelled'].includes(status);
}

/** True when dependants may use it. */
export function isUsable({ status }: { readonly status: Status }): boolean {
  return status === 'succeeded' || status === 'degraded';
}

/** An outcome with the parts given; the rest is empty. */
export function outcome(status: Status, atMs: number, parts: Partial<Outcome> = {}): Outcome {
  return {
    status,
    atMs,
    isFailed: status === 'failed',
    text: '',
    json: null,
    list: [],
    decision: null,
    why: null,
    awaits: null,
    usd: 0,
    tokens: 0,
    ...parts,
  };
}

/** What expressions see of an outcome. */
export function outcomeValue(of: Outcome): JsonObject {
  return {
    text: of.text,
    json: of.json,
    status: of.status,
    failed: of.isFailed,
    list: of.list,
    decision: of.decision,
  };
}

/** True when the file stands; otherwise it is proposed. `atMs` is written as its timestamp. */
export function settle(
  fold: Fold,
  file: {
    readonly path: string;
    readonly called: TransitionName;
    readonly atMs: number;
    readonly content: JsonObject;
  },
): boolean {
  if (hasFile(fold, file.path)) return true;
  const content = `${JSON.stringify({ ...file.content, timestamp: formatIso(file.atMs) }, null, 2)}\n`;
  propose(fold, file.called, [{ path: file.path, content }]);
  return false;
}

/** Proposes files of the engine's own, free of caps. */
export function propose(fold: Fold, called: TransitionName, files: readonly NewFile[]): void {
  const paths = files.map(({ path }) => path);
  fold.proposals.push({
    kind: 'file',
    name: called.name,
    call: () => called,
    priority: 0,
    paths,
    caps: [],
    compose: () => ({ files, isAgent: false, isOpen: false, asked: null }),
  });
}

/** What a proposal adds, made once in a fold. */
export function composeProposal(fold: Fold, proposal: Proposal): Composed {
  const known = fold.composed.get(proposal);
  if (known !== undefined) return known;
  const composed = proposal.compose(fold);
  fold.composed.set(proposal, composed);
  return composed;
}

/** True when something proposed would ask an agent. */
export function wantsAgent(fold: Fold, proposal: Proposal): boolean {
  return proposal.kind === 'task' && composeProposal(fold, proposal).isAgent;
}

/** Takes back proposals. */
export function withdraw(fold: Fold, isWithdrawn: (proposal: Proposal) => boolean): void {
  const kept = fold.proposals.filter((proposal) => !isWithdrawn(proposal));
  fold.proposals.splice(0, fold.proposals.length, ...kept);
}

/** True when any file of the run stands below the folder. */
export function hasBelow(fold: Fold, folder: string): boolean {
  return ask(fold, ({ paths }) => {
    const sorted = paths();
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((sorted[middle] ?? '') < folder) low = middle + 1;
      else high = middle;
    }
    return sorted[low]?.startsWith(folder) === true;
  });
}

/** Notes that a unit is at work below a cap. */
export function occupy(fold: Fold, caps: readonly Cap[]): void {
  fold.occupied.push(...caps);
}

/**
 * Takes back what is proposed below `prefix` and proposes to close what is open there, in one
 * commit with `files`. True when there was nothing left to close or add.
 */
export function stopBelow(
  fold: Fold,
  prefix: string,
  stop: {
    readonly atMs: number;
    readonly why: string;
    readonly called: TransitionName;
    readonly files?: readonly NewFile[];
  },
): boolean {
  withdraw(fold, ({ paths }) => paths.some((path) => path.startsWith(prefix)));
  const open = fold.tasks.filter((task) => task.state === 'open' && task.path.startsWith(prefix));
  const closing = open.map((task) =>
    closedReply(task.path, task.to.split('@')[0] ?? task.to, {
      atMs: stop.atMs,
      hops: fold.header.hops + 1,
      text: stop.why,
    }),
  );
  const files = [...(stop.files ?? []).filter((file) => !hasFile(fold, file.path)), ...closing];
  if (files.length > 0) propose(fold, stop.called, files);
  return files.length === 0;
}

/**
 * Undo steps that have a task: what their steps did is being taken back, or is taken back. By the
 * files, because they are looked for before these steps are folded.
 */
export function begunUndos({ plan, paths, root }: Fold): ReadonlySet<string> {
  const undoing = plan.steps.flatMap((step) => step.undo ?? []);
  return new Set(
    undoing.filter((id) => {
      const folder = folderOfStep(root, id);
      return paths().some((path) => path.startsWith(folder) && taskNumber(path) !== null);
    }),
  );
}
