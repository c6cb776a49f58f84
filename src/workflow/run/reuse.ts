/**
 * Finished results of the run that this one is forked from: answers by content key, decisions of
 * people by gate, waits that are over. And the answers that an older program got for this run.
 */
import type { RunHeader } from './header.ts';
import { channelRoot, parseMessagePath, replyPath } from '../../protocol/paths.ts';
import { readMessage } from './message-memo.ts';
import { readOlderRun } from './older-run.ts';
import { planInForce } from './plan-in-force.ts';
import type { Plan } from '../language/plan.ts';
import { allSteps, endSteps } from '../language/plan.ts';
import { descendantsOf } from '../language/reach.ts';
import type { Reusable, RunInput } from './run-input.ts';
import { askPath, decisionPath, folderOfStep, stepsFolder } from '../../protocol/run-paths.ts';

interface Wanted {
  readonly contentKey: string;
  readonly relative: string;
  readonly step: string;
}

/** A gate of the other run that was decided. */
export interface DecidedGate {
  /** Texts of its ask.md and decision.json. */
  readonly ask: string;
  readonly decision: string;
  /** Its folder, and the path of its decision. */
  readonly folder: string;
  readonly path: string;
}

/**
 * What may be taken over. Run again are the steps from `fork.from` on, those whose effects the
 * other run took back, what hangs on them, and what is done at the end of every run.
 */
export interface Reuse {
  /** The finished answer to an equal task. */
  readonly answer: (task: Wanted) => Reusable | null;
  /**
   * The decided gate in the folder of the same name; whether it asked the same is for the caller to
   * see.
   */
  readonly gate: (gate: { readonly relative: string; readonly step: string }) => DecidedGate | null;
  /**
   * The file that ended the wait of the same place; whether it waited for the same is
   * for the caller to see.
   */
  readonly wait: (wait: { readonly relative: string; readonly step: string }) => Reusable | null;
}

/** Of a run that is not a fork. Always the same, so that steps may hang on it. */
const NOTHING: Reuse = { answer: () => null, gate: () => null, wait: () => null };

/** Looks into the run that this one is forked from, or that an older program began here. */
export function createReuse(input: RunInput, header: RunHeader, plan: Plan): Reuse {
  const { fork } = header;
  const older = fork === null ? readOlderRun(input) : null;
  if (older !== null)
    return { ...NOTHING, answer: ({ relative }) => older.answers.get(relative) ?? null };
  const files = fork === null ? null : input.lookUp.runFiles(fork.run, fork.at);
  if (fork === null || files === null) return NOTHING;
  const root = channelRoot(fork.run);
  const again = stepsAgain(plan, { from: fork.from, undone: undoneSteps(files, root) });
  const finished = finishedTasks(files, root);
  return {
    answer: ({ contentKey, relative, step }) => {
      if (again.has(step)) return null;
      const same = finished.get(contentKey) ?? [];
      return same.find((each) => each.relative === relative) ?? same[0] ?? null;
    },
    gate: ({ relative, step }) => {
      const folder = `${root}${relative}`;
      const path = decisionPath(folder);
      const [ask, decision] = [files.get(askPath(folder)), files.get(path)];
      return again.has(step) || ask === undefined || decision === undefined
        ? null
        : { ask, decision, folder, path };
    },
    wait: ({ relative, step }) => {
      const path = `${root}${relative}`;
      const text = files.get(path);
      return again.has(step) || text === undefined ? null : { path, text };
    },
  };
}

function stepsAgain(
  plan: Plan,
  { from, undone }: { readonly from: string | null; readonly undone: readonly string[] },
): ReadonlySet<string> {
  const top = [...plan.steps, ...plan.final];
  const starts = [...undone];
  if (from !== null)
    starts.push(top.find((step) => allSteps([step]).some((each) => each.id === from))?.id ?? from);
  const ids = new Set(starts.flatMap((id) => [id, ...descendantsOf(id, top)]));
  return new Set([
    ...stepsOfItself(plan),
    ...allSteps(top.filter((step) => ids.has(step.id))).map((step) => step.id),
  ]);
}

/** Steps that every run does itself: an equal answer of elsewhere has cleared up nothing here. */
export function stepsOfItself(plan: Plan): ReadonlySet<string> {
  return new Set(allSteps(endSteps(plan)).map(({ id }) => id));
}

/** Steps of the other run whose undo step was begun: what they did may not stand any more. */
function undoneSteps(files: ReadonlyMap<string, string>, root: string): readonly string[] {
  const steps = planInForce(files, root)?.plan.steps ?? [];
  const paths = [...files.keys()];
  return steps.flatMap(({ id, undo }) =>
    undo !== null && paths.some((path) => path.startsWith(folderOfStep(root, undo))) ? [id] : [],
  );
}

interface Finished extends Reusable {
  readonly relative: string;
}

function finishedTasks(
  files: ReadonlyMap<string, string>,
  root: string,
): ReadonlyMap<string, readonly Finished[]> {
  const found = new Map<string, Finished[]>();
  for (const path of [...files.keys()].sort()) {
    if (!path.startsWith(stepsFolder(root)) || parseMessagePath(path)?.replyTo !== null) continue;
    const task = readMessage(files.get(path) ?? '');
    if (task.kind === 'rejected') continue;
    const key = /^content_key: ["']?([0-9a-f]{64})["']?$/m.exec(task.message.yaml)?.[1];
    const [to] = task.message.fields.to;
    const reply = to === undefined ? '' : replyPath(path, to.name);
    const text = files.get(reply);
    if (key === undefined || text === undefined) continue;
    const answer = readMessage(text);
    if (answer.kind === 'message' && answer.message.fields.failed) continue;
    found.set(key, [
      ...(found.get(key) ?? []),
      { path: reply, text, relative: path.slice(root.length) },
    ]);
  }
  return found;
}
