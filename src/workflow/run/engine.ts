/**
 * The door of the workflow core. Files in, at most one transition out: the files of one commit.
 * Everything is derived again from the files of the run, so it does not matter which host asks, or
 * how often. Never throws for any files.
 */
import { errorText } from '../../base/errors.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { olderEnd } from '../../protocol/older-answer.ts';
import { CHANNEL_FILE, channelRoot } from '../../protocol/paths.ts';
import { admission } from './admit.ts';
import { amendBy, followSaved } from './amend.ts';
import { planInForce } from './plan-in-force.ts';
import { chooseTransition } from './choose.ts';
import { answerControl, isPaused, nextControl } from './controls.ts';
import { isEnded } from './fold-context.ts';
import { type FoldedRun, foldRun } from './fold-run.ts';
import { ENGINE, parseHeader, type RunHeader } from './header.ts';
import { channelProblem } from '../language/marker.ts';
import { isOlderMarker, readOlderRun } from './older-run.ts';
import { compiledPlan, whyNobodyCompiles } from './fold-compile.ts';
import { openFiles, openRun } from './open-run.ts';
import { endOf } from './end.ts';
import { breakOff, refusal, routeTransition } from './route.ts';
import { RunTooLarge } from '../language/too-large.ts';
import type { RunInput, Transition } from './run-input.ts';
import type { CheckedPlan } from '../language/source.ts';
import { firstPlanPath, headerPath } from '../../protocol/run-paths.ts';
import type { FoldMemo } from './fold.ts';

export { summarizeRun } from './admit.ts';
export type { LookUp, NewFile, RunInput, RunSummary, Reusable, Transition } from './run-input.ts';

/** What is larger is read by nobody: a message has no more. */
const FILE_BYTES_MAX = MESSAGE_BYTES_MAX;

/** Where a run stands before its steps are looked at. */
export type Stage =
  | { readonly kind: 'unopened' }
  /** Routed, whatever the result. */
  | { readonly kind: 'ended'; readonly header: RunHeader | null }
  | { readonly kind: 'refused'; readonly problems: readonly string[] }
  /** Written by a newer engine: this one keeps its hands off. */
  | { readonly kind: 'newer'; readonly engine: number }
  | { readonly kind: 'open'; readonly header: RunHeader };

/**
 * The next commit of the run, or null when there is nothing to add now. A run whose files cannot be
 * carried on, whatever is in them, ends with the reason: it holds up nothing else.
 */
export function nextTransition(input: RunInput, memo?: FoldMemo): Transition | null {
  try {
    return checkFiles(decideNext(input, memo));
  } catch (error) {
    return stageOf(input).kind === 'open'
      ? breakOff(input, errorText(error))
      : refusal(input, [errorText(error)]);
  }
}

function checkFiles(transition: Transition | null): Transition | null {
  const large = transition?.files.find(
    ({ content }) => Buffer.byteLength(content) > FILE_BYTES_MAX,
  );
  if (large === undefined) return transition;
  throw new RunTooLarge(`"${large.path}" would have more than ${FILE_BYTES_MAX} bytes`);
}

function decideNext(input: RunInput, memo: FoldMemo | undefined): Transition | null {
  const stage = stageOf(input);
  switch (stage.kind) {
    case 'ended':
    case 'newer':
      return null;
    case 'refused':
      return refusal(input, stage.problems);
    case 'unopened': {
      const opening = openRun(input);
      if (opening.kind === 'refused') return refusal(input, opening.problems);
      const nobody = opening.plan === null ? whyNobodyCompiles(input) : null;
      if (nobody !== null) return isOlderMarker(input) ? null : refusal(input, [nobody]);
      return { name: 'open', words: 'start', files: openFiles(channelRoot(input.run), opening) };
    }
    case 'open':
      return advance(input, foldRun(input, stage.header, memo));
  }
}

/** The stage of a run. */
export function stageOf(input: RunInput): Stage {
  const root = channelRoot(input.run);
  const text = input.files.get(headerPath(root));
  const header = text === undefined ? null : parseHeader(text);
  const isMine = header?.marker === input.marker.path && header.run === input.run;
  if (isMine && input.files.has(`${root}COMPLETE`)) return { kind: 'ended', header };
  if (!isMine) {
    if (input.marker.reply !== null || hasOlderEnd(input)) return { kind: 'ended', header: null };
    const marker = text === undefined ? null : (header?.marker ?? 'RUN.json is damaged');
    const others = [...input.files.keys()].filter((path) => path !== `${root}${CHANNEL_FILE}`);
    const problem = channelProblem(input.marker.path, input.run, {
      files: readOlderRun(input) === null ? others.length : 0,
      marker,
    });
    if (problem !== null) return { kind: 'refused', problems: [problem] };
    return text === undefined
      ? { kind: 'unopened' }
      : { kind: 'refused', problems: [`RUN.json of "${input.run}" is damaged`] };
  }
  return header.engine > ENGINE
    ? { kind: 'newer', engine: header.engine }
    : { kind: 'open', header };
}

/** An older program has brought the run to its end. */
function hasOlderEnd({ run, files }: RunInput): boolean {
  const [end, header] = olderEnd(run);
  return files.has(end) && !files.has(header);
}

function advance(input: RunInput, run: FoldedRun): Transition | null {
  const { fold } = run;
  const hasPlan = input.files.has(firstPlanPath(fold.root));
  const checked = planInForce(input.files, fold.root);
  if (hasPlan && (checked === null || checked.problems.length > 0))
    return damagedPlan(run, checked);
  const control = nextControl(fold.messages);
  if (control !== null) return answerControl(fold, control, amendBy(fold, checked?.raw ?? {}));
  return checked === null ? advanceCompile(run) : advanceSteps(input, run);
}

function advanceSteps(input: RunInput, run: FoldedRun): Transition | null {
  const { fold } = run;
  const admitted = run.stop === null ? admit(input, run) : 'in';
  if (admitted !== 'in') return admitted;
  if (run.stop?.kind !== 'cancelled' && isPaused(fold.messages)) return null;
  const followed = run.stop === null ? followSaved(fold) : null;
  if (followed !== null) return followed;
  const left = (run.budget.limits.agents ?? Infinity) - run.budget.agents;
  // What runs at the end whatever happened is bound by the number of agents only.
  const isEnding = run.stop !== null || [...run.main.values()].every(isEnded);
  const next = chooseTransition(fold, isEnding ? left : Math.min(left, run.budget.affordable));
  if (next !== null) return next;
  const isStuck =
    left <= 0 &&
    run.stop !== null &&
    fold.proposals.length > 0 &&
    !fold.tasks.some((task) => task.state === 'open');
  return run.isDone || isStuck ? routeTransition(fold, endOf(run)) : null;
}

/**
 * `'in'` when the run has its place in its concurrency group; else what comes of it now (null = it
 * waits).
 */
function admit(input: RunInput, { fold }: FoldedRun): Transition | null | 'in' {
  const admitted = admission(input, fold.root, { plan: fold.plan, inputs: fold.header.inputs });
  switch (admitted.kind) {
    case 'free':
      return 'in';
    case 'admit':
      return {
        name: `admit to ${admitted.group}`,
        words: `continue: its turn in ${admitted.group}`,
        files: admitted.files,
      };
    case 'queued':
      return null;
    case 'dropped': {
      const body = `The run was dropped: the concurrency group "${admitted.group}" is full.\n`;
      return routeTransition(fold, {
        status: 'dropped',
        body,
        atMs: fold.header.atMs,
        usd: 0,
        tokens: 0,
      });
    }
  }
}

/** PLAN.yaml stands but cannot be used: the run ends and says why. */
function damagedPlan({ fold }: FoldedRun, checked: CheckedPlan | null): Transition {
  const why =
    checked === null
      ? 'it cannot be read'
      : checked.problems.map((problem) => problem.message).join('; ');
  return routeTransition(fold, {
    status: 'failed',
    body: `PLAN.yaml is damaged: ${why}\n`,
    atMs: fold.header.atMs,
    usd: 0,
    tokens: 0,
  });
}

function advanceCompile(run: FoldedRun): Transition | null {
  const { fold, compile } = run;
  if (run.isDone) return routeTransition(fold, endOf(run));
  if (run.stop === null && isPaused(fold.messages)) return null;
  const plan = compile?.status === 'succeeded' ? compiledPlan(fold, compile) : null;
  if (plan !== null) {
    const steps = plan.steps === 1 ? '1 step' : `${String(plan.steps)} steps`;
    return { name: `plan (${steps})`, words: `plan of ${steps}`, files: [plan.file] };
  }
  const next = chooseTransition(fold, (run.budget.limits.agents ?? Infinity) - run.budget.agents);
  if (next !== null) return next;
  return compile?.status === 'failed' ? routeTransition(fold, endOf(run)) : null;
}
