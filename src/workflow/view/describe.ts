/**
 * A run as people see it: its status, every step and task, what it waits for, and the command that
 * moves it on.
 */
import { errorText } from '../../base/errors.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Reason, ReasonOf } from '../../protocol/reason.ts';
import { budgetUse, type BudgetUse, limitToRaise } from '../run/budget.ts';
import { admission } from '../run/admit.ts';
import { isPaused } from '../run/controls.ts';
import { isEnded } from '../run/fold-context.ts';
import { stageOf } from '../run/engine.ts';
import { whyOlderWaits } from '../run/fold-compile.ts';
import { unfollowed } from '../run/amend.ts';
import { type FoldedRun, foldRun } from '../run/fold-run.ts';
import type { RunHeader } from '../run/header.ts';
import { type EndNote, endNotes } from '../run/end.ts';
import { END_STATUSES, endStatusOf, type EndStatus } from '../run/route.ts';
import type { RunInput } from '../run/run-input.ts';
import { firstPlanPath } from '../../protocol/run-paths.ts';
import type { Fold, GateView, StepView, TaskView } from '../run/fold.ts';

export const RUN_STATUSES = [
  'queued',
  'compile',
  'running',
  'waiting-human',
  'waiting',
  'paused',
  ...END_STATUSES,
] as const;
export type RunStatus = (typeof RUN_STATUSES)[number];

export interface RunView {
  readonly run: string;
  readonly name: string;
  readonly marker: string;
  readonly status: RunStatus;
  readonly atMs: number;
  readonly steps: readonly StepView[];
  readonly tasks: readonly TaskView[];
  readonly gates: readonly GateView[];
  /** What it waits for beside its tasks: where those stand is known to who sees the claims. */
  readonly blockedBy: readonly Reason[];
  /** How it ended, when it did not succeed. */
  readonly endedBy: readonly EndNote[];
  readonly counts: Readonly<Record<TaskView['state'], number>>;
  readonly budget: BudgetUse | null;
}

/**
 * Describes the run. Only a dispatcher knows a task whose host is silent (`stale`): claims
 * are not in the tree.
 */
export function describeRun(input: RunInput): RunView {
  const stage = stageOf(input);
  const header = stage.kind === 'open' || stage.kind === 'ended' ? stage.header : null;
  const empty: RunView = {
    run: input.run,
    name: input.run,
    marker: input.marker.path,
    status: 'queued',
    atMs: input.marker.timestampMs,
    steps: [],
    tasks: [],
    gates: [],
    blockedBy: [],
    endedBy: [],
    counts: { open: 0, succeeded: 0, failed: 0, rejected: 0, cancelled: 0 },
    budget: null,
  };
  switch (stage.kind) {
    case 'unopened': {
      const nobody = whyOlderWaits(input);
      return {
        ...empty,
        blockedBy: [
          nobody === null ? { kind: 'unopened' } : { kind: 'plan-refused', problem: nobody },
        ],
      };
    }
    case 'refused':
      return {
        ...empty,
        status: 'failed',
        blockedBy: stage.problems.map((problem) => ({ kind: 'plan-refused', problem })),
      };
    case 'newer':
      return {
        ...empty,
        status: 'running',
        blockedBy: [{ kind: 'newer-engine', engine: stage.engine }],
      };
    case 'ended':
      // Without a header the marker was refused, or an older program has ended the run and left no
      // reply that says how.
      return header === null
        ? { ...empty, status: input.marker.reply === null ? 'succeeded' : 'failed' }
        : orBroken(empty, () => ({ ...describeFolded(input, header), blockedBy: [] }));
    case 'open':
      return orBroken(empty, () => describeFolded(input, stage.header));
  }
}

/** A run that cannot be carried on is shown as that, beside all others. */
function orBroken(empty: RunView, describe: () => RunView): RunView {
  try {
    return describe();
  } catch (error) {
    const problem = `it cannot continue: ${oneLine(errorText(error), 400)}`;
    return { ...empty, status: 'failed', blockedBy: [{ kind: 'plan-refused', problem }] };
  }
}

function describeFolded(input: RunInput, header: RunHeader): RunView {
  const run = foldRun(input, header);
  const { fold } = run;
  const count = (state: TaskView['state']): number =>
    fold.tasks.filter((task) => task.state === state).length;
  const status = statusOf(input, run);
  const isOver = isEndStatus(status);
  return {
    run: header.run,
    name: fold.plan.name,
    marker: header.marker,
    status,
    atMs: header.atMs,
    steps: isOver ? fold.steps.map(leftBehind) : fold.steps,
    tasks: fold.tasks,
    gates: isOver ? fold.gates.map(closed) : fold.gates,
    blockedBy: blockersOf(input, run, status),
    endedBy: isOver ? endNotes(run, status) : [],
    counts: {
      open: count('open'),
      succeeded: count('succeeded'),
      failed: count('failed'),
      rejected: count('rejected'),
      cancelled: count('cancelled'),
    },
    budget: budgetUse(fold),
  };
}

/** A step of a run that has ended: whatever its state was, nothing continues there. */
function leftBehind(step: StepView): StepView {
  if (isEnded(step)) return step;
  const why = 'the run ended before it';
  return step.status === 'pending'
    ? { ...step, status: 'skipped', awaits: null, why }
    : { ...step, status: 'cancelled', awaits: null, why: step.why ?? why };
}

function closed(gate: GateView): GateView {
  return gate.state === 'open' ? { ...gate, state: 'closed' } : gate;
}

function statusOf(input: RunInput, run: FoldedRun): RunStatus {
  const { fold } = run;
  const ended = endStatusOf(input, fold.root);
  if (ended !== null) return ended;
  if (!input.files.has(firstPlanPath(fold.root)))
    return fold.gates.some((gate) => gate.state === 'open') ? 'waiting-human' : 'compile';
  if (
    admission(input, fold.root, { plan: fold.plan, inputs: fold.header.inputs }).kind === 'queued'
  )
    return 'queued';
  const isOpen = fold.tasks.some((task) => task.state === 'open');
  if (isPaused(fold.messages) || (run.isHeld && !isOpen && run.stop === null)) return 'paused';
  if (isOpen) return 'running';
  const all = [...run.main.values(), ...run.final.values()];
  if (fold.gates.some((gate) => gate.state === 'open')) return 'waiting-human';
  return all.some((each) => each.status === 'waiting') ? 'waiting' : 'running';
}

function isEndStatus(status: RunStatus): status is EndStatus {
  return END_STATUSES.some((one) => one === status);
}

function blockersOf(input: RunInput, run: FoldedRun, status: RunStatus): readonly Reason[] {
  const { fold } = run;
  const id = fold.header.run;
  if (status === 'queued') {
    // No step of it has begun.
    const admitted = admission(input, fold.root, { plan: fold.plan, inputs: fold.header.inputs });
    return admitted.kind === 'queued'
      ? [{ kind: 'group-full', group: admitted.group, behind: admitted.behind }]
      : [];
  }
  const held: Reason = { kind: 'run-budget', run: id, ...limitToRaise(fold, run.budget) };
  return [
    ...(isPaused(fold.messages) ? [{ kind: 'run-paused', run: id } as const] : []),
    ...(run.isHeld ? [held] : []),
    ...followReason(fold),
    ...editedReason(fold),
    ...fold.gates.filter(({ state }) => state === 'open').map((gate) => gateReason(id, gate)),
    ...fold.steps
      .filter((step) => step.status === 'waiting')
      .flatMap((step) => waitReason(id, step)),
  ];
}

function followReason(fold: Fold): readonly Reason[] {
  const problem = unfollowed(fold);
  const { run, source } = fold.header;
  return problem === null
    ? []
    : [{ kind: 'follow-unsafe', run, workflow: source.name ?? '', problem: oneLine(problem, 300) }];
}

/** The marker has changed since the run began. */
function editedReason({ header, input }: Fold): readonly Reason[] {
  const isEdited = header.blob !== '' && header.blob !== input.marker.blob;
  return isEdited ? [{ kind: 'marker-edited', run: header.run }] : [];
}

/** Who may still answer a gate: nobody is waited for whose answer counts already. */
export function stillAsked({ approvers, answers }: GateView): readonly string[] {
  const heard = new Set(answers.flatMap(({ from, problem }) => (problem === null ? [from] : [])));
  const others = approvers.filter((name) => !heard.has(name));
  return others.length === 0 ? approvers : others;
}

/** The title of a gate as lists show it. */
export function shortTitle({ title }: Pick<GateView, 'title'>): string {
  return oneLine(title, 120);
}

/** Why an open gate of the run waits. */
export function gateReason(run: string, of: GateView): ReasonOf<'gate'> {
  const { gate, form, choices, received, quorum, answers, isVoid } = of;
  const ignored = answers.flatMap(({ from, problem }) =>
    problem === null ? [] : [{ from, problem }],
  );
  return {
    kind: 'gate',
    run,
    gate,
    title: shortTitle(of),
    form,
    choices,
    approvers: stillAsked(of),
    received,
    quorum,
    isVoid,
    ignored,
  };
}

function waitReason(run: string, { id: step, awaits }: StepView): readonly Reason[] {
  if (awaits === null) return [];
  return awaits.kind === 'event'
    ? [{ kind: 'event', run, step, event: awaits.event }]
    : [{ kind: 'step-waits', step, for: awaits }];
}
