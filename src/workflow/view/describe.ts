/**
 * A run as people see it: its status, every step and task, what it waits for, and the command that
 * moves it on.
 */
import { errorText } from '../../base/errors.ts';
import { oneLine } from '../../base/plain-text.ts';
import { shellWord } from '../../base/shell-word.ts';
import { budgetUse, type BudgetUse } from '../run/budget.ts';
import { admission } from '../run/admit.ts';
import { isPaused } from '../run/controls.ts';
import { stageOf } from '../run/engine.ts';
import type { GateView, StepView, TaskView } from '../run/fold-context.ts';
import { type FoldedRun, foldRun } from '../run/fold-run.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import type { RunHeader } from '../run/header.ts';
import { END_STATUSES } from '../run/route.ts';
import type { RunInput } from '../run/run-input.ts';

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

/** One thing a run waits for, and the command that helps (null = only time does). */
export interface Blocker {
  readonly what: string;
  readonly command: string | null;
}

export interface RunView {
  readonly run: string;
  readonly name: string;
  readonly marker: string;
  readonly status: RunStatus;
  readonly atMs: number;
  readonly steps: readonly StepView[];
  readonly tasks: readonly TaskView[];
  readonly gates: readonly GateView[];
  readonly blockedBy: readonly Blocker[];
  readonly counts: Readonly<Record<TaskView['state'], number>>;
  readonly budget: BudgetUse | null;
}

/**
 * Describes the run. A task whose host is silent (`stale`) is for the dispatcher to tell: claims
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
    counts: { open: 0, succeeded: 0, failed: 0, rejected: 0 },
    budget: null,
  };
  switch (stage.kind) {
    case 'unopened':
      return {
        ...empty,
        blockedBy: [{ what: 'no host has opened it yet', command: 'crosstalkd run' }],
      };
    case 'refused':
      return {
        ...empty,
        status: 'failed',
        blockedBy: stage.problems.map((what) => ({ what, command: null })),
      };
    case 'newer':
      return {
        ...empty,
        status: 'running',
        blockedBy: [
          {
            what: `it was started by engine ${String(stage.engine)}; this host is older`,
            command: 'npm install -g crosstalkd',
          },
        ],
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
    const what = `it cannot be carried on: ${oneLine(errorText(error), 400)}`;
    return { ...empty, status: 'failed', blockedBy: [{ what, command: null }] };
  }
}

function describeFolded(input: RunInput, header: RunHeader): RunView {
  const run = foldRun(input, header);
  const { fold } = run;
  const count = (state: TaskView['state']): number =>
    fold.tasks.filter((task) => task.state === state).length;
  const status = statusOf(input, run);
  return {
    run: header.run,
    name: fold.plan.name,
    marker: header.marker,
    status,
    atMs: header.atMs,
    steps: fold.steps,
    tasks: fold.tasks,
    gates: fold.gates,
    blockedBy: blockersOf(input, run, status),
    counts: {
      open: count('open'),
      succeeded: count('succeeded'),
      failed: count('failed'),
      rejected: count('rejected'),
    },
    budget: budgetUse(fold),
  };
}

function statusOf(input: RunInput, run: FoldedRun): RunStatus {
  const { fold } = run;
  const complete = parseJson(input.files.get(`${fold.root}COMPLETE`) ?? '');
  const ended = isJsonObject(complete)
    ? END_STATUSES.find((status) => status === complete['status'])
    : undefined;
  if (ended !== undefined) return ended;
  if (!input.files.has(`${fold.root}PLAN.yaml`))
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

function blockersOf(input: RunInput, run: FoldedRun, status: RunStatus): readonly Blocker[] {
  const { fold } = run;
  const id = fold.header.run;
  const blockers: Blocker[] = [];
  if (status === 'queued') {
    const admitted = admission(input, fold.root, { plan: fold.plan, inputs: fold.header.inputs });
    if (admitted.kind === 'queued') {
      const [first = id, ...more] = admitted.behind;
      blockers.push({
        what: `the group "${admitted.group}" is full: it waits for ${first}${more.length === 0 ? '' : ` and ${String(more.length)} more`} to end`,
        command: `crosstalkd workflow why ${first}`,
      });
    }
    // No step of it has begun.
    return blockers;
  }
  if (isPaused(fold.messages))
    blockers.push({ what: 'it is paused', command: `crosstalkd workflow resume ${id}` });
  const { reached } = run.budget;
  if (run.isHeld) {
    const [limit = 'usd', value = '0'] = (reached ?? '').split(' ');
    blockers.push({
      what: `its budget is used up${reached === null ? '' : ` (${reached})`}`,
      command: `crosstalkd workflow budget ${id} --${limit} ${String(Number(value) * 2)}`,
    });
  }
  for (const gate of fold.gates.filter((each) => each.state === 'open'))
    blockers.push({ what: describeGate(gate), command: answerCommands(id, gate) });
  for (const task of fold.tasks.filter((each) => each.state === 'open'))
    blockers.push(taskBlocker(input, task));
  for (const step of fold.steps.filter((each) => each.status === 'waiting')) {
    const event = /^the event "(.*)"$/.exec(step.why ?? '')?.[1];
    blockers.push({
      what: `${step.id} waits: ${step.why ?? ''}`,
      command: event === undefined ? null : `crosstalkd workflow signal ${id} ${event}`,
    });
  }
  return blockers;
}

/** A gate that is open, in words. */
export function describeGate({
  gate,
  title,
  approvers,
  quorum,
  received,
  answers,
  isVoid,
}: GateView): string {
  const votes = quorum > 1 ? ` (${String(received)} of ${String(quorum)})` : '';
  const ignored = answers.flatMap(({ from, problem }) =>
    problem === null ? [] : [`; the answer of ${from} does not count: ${problem}`],
  );
  const written = isVoid
    ? '; its decision.json has no answers behind it and counts for nothing: git rm it'
    : '';
  return `gate ${gate}: "${title}" waits for ${approvers.join(', ')}${votes}${ignored.join('')}${written}`;
}

/** The command that answers a gate, with what it needs for that. */
export function answerCommand(
  run: string,
  { gate, form, choices }: Pick<GateView, 'gate' | 'form' | 'choices'>,
): string {
  const answer =
    form === 'choose'
      ? ` --choice ${JSON.stringify(choices[0] ?? '')}`
      : form === 'input'
        ? ' -m <answer>'
        : '';
  return `crosstalkd workflow approve ${run} ${gate}${answer}`;
}

/** The same, with what else it takes. */
export function answerCommands(
  run: string,
  gate: Pick<GateView, 'gate' | 'form' | 'choices'>,
): string {
  const others = gate.form === 'choose' ? gate.choices.slice(1) : [];
  return answerCommand(run, gate) + (others.length === 0 ? '' : `   (or: ${others.join(', ')})`);
}

function taskBlocker(input: RunInput, task: TaskView): Blocker {
  const [model = task.to, host] = task.to.split('@');
  const hosts = input.lookUp.served.get(model) ?? [];
  const name = `task ${task.step} ${task.key}`;
  if (task.to === 'workflow')
    return { what: `${name} is a child run`, command: `crosstalkd workflow list` };
  if (hosts.length === 0)
    return {
      what: `${name}: no live host serves ${model}`,
      command: `crosstalkd run --only ${model}`,
    };
  if (host !== undefined && !hosts.includes(host))
    return {
      what: `${name}: it may run only on ${host}, which is not alive`,
      command: `crosstalkd hosts`,
    };
  return {
    what: `${name} is with ${model} (${hosts.join(', ')})`,
    command: `crosstalkd why ${shellWord(task.path)}`,
  };
}
