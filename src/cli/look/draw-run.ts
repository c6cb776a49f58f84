/**
 * A run as lines of text: steps in order with what they need, their tasks below them, as wide as
 * the terminal. Pure.
 */
import { formatDuration } from '../../base/duration.ts';
import { byCodeUnit } from '../../base/order.ts';
import { shellWord } from '../../base/shell-word.ts';
import { messageId, replyPath } from '../../protocol/paths.ts';
import { displayWidth, fitWidth, padWidth } from '../../base/display-width.ts';
import { type Colour, fixLines, type Io, lineFor, paint, plain } from '../io.ts';
import type { RunSeen } from './runs.ts';
import type { Told } from './why-run.ts';
import { sayAwaited, sayReason, sayStatus } from '../../protocol/say-reason.ts';
import type { Reason } from '../../protocol/reason.ts';
import { fixOf, needsPerson } from '../../protocol/remedy.ts';
import { ONLY_KEY, taskNumber, tellTurn, turnOfTask } from '../../protocol/run-paths.ts';
import { formatCost } from '../../protocol/trailers.ts';
import type { GateView, StepView, TaskView } from '../../workflow/run/fold.ts';
import { sumUse } from '../../protocol/usage.ts';
import { stillAsked } from '../../workflow/view/describe.ts';

export interface Drawing {
  readonly seen: RunSeen;
  readonly status: Told;
  readonly waits: readonly Reason[];
  /** Path of an open task → the host that works on it. */
  readonly held: ReadonlyMap<string, string>;
}

const TASKS_SHOWN = 20;
const WAITS_SHOWN = 5;

const MARKS: Readonly<Record<string, readonly [string, Colour]>> = {
  succeeded: ['✓', 'green'],
  degraded: ['!', 'yellow'],
  failed: ['✗', 'red'],
  rejected: ['✗', 'yellow'],
  cancelled: ['✗', 'dim'],
  skipped: ['–', 'dim'],
  running: ['●', 'cyan'],
  open: ['●', 'cyan'],
  waiting: ['◌', 'yellow'],
  'waiting-human': ['?', 'yellow'],
  pending: ['○', 'dim'],
};

/** The lines. */
export function drawRun(io: Io, drawing: Drawing): readonly string[] {
  const { view } = drawing.seen;
  const compile = view.tasks.filter(({ phase }) => phase === 'compile');
  const isLast = view.steps.length === 0;
  return [
    ...headLines(io, drawing),
    '',
    ...(compile.length === 0
      ? []
      : drawStep(io, drawing, { step: compileStep(compile), tasks: compile, isLast })),
    ...view.steps.flatMap((step, at) => [
      ...turnLine(io, step, view.steps[at - 1]),
      ...drawStep(io, drawing, {
        step,
        tasks: tasksOfStep(view.tasks, step),
        isLast: at === view.steps.length - 1,
      }),
    ]),
    ...waitLines(io, drawing),
    ...answerLines(io, drawing),
  ];
}

/** The tasks of one step as it is drawn: of a group, those of this item and pass only. */
export function tasksOfStep(tasks: readonly TaskView[], step: StepView): readonly TaskView[] {
  return tasks.filter(
    (task) =>
      task.step === step.id && task.phase !== 'compile' && task.path.startsWith(step.folder),
  );
}

/** The making of the plan, drawn as a step: its last task shows how it went. */
function compileStep(tasks: readonly TaskView[]): StepView {
  const state = tasks.at(-1)?.state ?? 'open';
  const status = state === 'open' ? 'running' : state === 'succeeded' ? 'succeeded' : 'failed';
  return { id: 'compile', kind: 'prompt', folder: '', needs: [], status, why: null, awaits: null };
}

/**
 * Which item and pass of its group the steps below are about, where that is another than before.
 */
function turnLine(io: Io, step: StepView, before: StepView | undefined): readonly string[] {
  const turn = turnOf(step);
  if (
    turn === '' ||
    (before !== undefined && turn === turnOf(before) && parentOf(step) === parentOf(before))
  )
    return [];
  return [fitWidth(`${indentOf(step)}${paint(io, 'dim', `▸ ${plain(turn)}`)}`, io.columns)];
}

function turnOf(step: StepView): string {
  if (depthOf(step) === 0) return '';
  return tellTurn(parentOf(step).split('/').at(-1) ?? '');
}

/** The folder that a step's own `steps/<id>/` stands in. */
function parentOf({ folder }: StepView): string {
  return folder.replace(/\/steps\/[^/]+\/$/, '');
}

function depthOf({ folder }: StepView): number {
  return Math.max(0, (folder.match(/\/steps\//g) ?? []).length - 1);
}

function indentOf(step: StepView): string {
  return '  '.repeat(Math.min(4, depthOf(step)));
}

/** Where the answer of a run that is over stands. */
function answerLines(io: Io, { seen }: Drawing): readonly string[] {
  if (seen.input.marker.reply === null) return [];
  const answer = messageId(replyPath(seen.input.marker.path, 'workflow'));
  return ['', `answer: ${paint(io, 'cyan', plain(`crosstalkd show ${shellWord(answer)}`))}`];
}

function headLines(io: Io, { seen, status }: Drawing): readonly string[] {
  const { view, input } = seen;
  const { counts, budget } = view;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const facts = [
    `${counts.succeeded} of ${all} tasks done`,
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(budget === null || budget.usd === 0
      ? []
      : [
          `${budget.usd.toFixed(2)} USD${budget.limits.usd === null ? '' : ` of ${budget.limits.usd}`}`,
        ]),
    ...(budget === null || budget.tokens === 0 ? [] : [`${shortCount(budget.tokens)} tokens`]),
  ];
  const mark = MARKS[status] ?? ['●', 'cyan'];
  const title = `${paint(io, mark[1], mark[0])} ${paint(io, 'bold', plain(input.run))}  ${paint(io, mark[1], sayStatus(status))}  ${facts.join('  ')}`;
  return [
    title,
    paint(
      io,
      'dim',
      fitWidth(plain(`  asked by ${input.marker.from} in ${input.marker.path}`), io.columns),
    ),
  ];
}

interface DrawnStep {
  readonly step: StepView;
  readonly tasks: readonly TaskView[];
  readonly isLast: boolean;
}

function drawStep(io: Io, drawing: Drawing, { step, tasks, isLast }: DrawnStep): readonly string[] {
  const [mark, colour] = MARKS[step.status] ?? ['○', 'dim'];
  const indent = indentOf(step);
  const [only] = tasks;
  const gate = drawing.seen.view.gates.find((each) => each.gate === step.id);
  const about =
    gate !== undefined
      ? gateText(gate)
      : tasks.length === 1 && only !== undefined
        ? taskText(only, drawing.held)
        : tasks.length === 0
          ? stepText(step)
          : groupText(tasks);
  const needs = step.needs.length === 0 ? '' : ` ← ${step.needs.join(', ')}`;
  const name = `${indent}${mark} ${step.id}${needs}`;
  const line = fitWidth(
    `${padWidth(plain(name), Math.max(displayWidth(name), Math.min(34, Math.floor(io.columns / 3))))}  ${lineFor(io, about, 400)}`,
    io.columns,
  ).trimEnd();
  const painted = line.replace(mark, paint(io, colour, mark));
  const below =
    tasks.length > 1
      ? drawTasks(io, tasks, { drawing, indent })
      : only?.why != null
        ? [`${indent}│   ${fitWidth(lineFor(io, only.why, 400), io.columns - 6)}`]
        : [];
  return [painted, ...below, ...(isLast ? [] : [`${indent}${paint(io, 'dim', '│')}`])];
}

function drawTasks(
  io: Io,
  tasks: readonly TaskView[],
  { drawing, indent }: { readonly drawing: Drawing; readonly indent: string },
): readonly string[] {
  const rank = (task: TaskView): number =>
    task.state === 'failed' || task.state === 'rejected' ? 0 : task.state === 'succeeded' ? 2 : 1;
  const shown =
    tasks.length <= TASKS_SHOWN
      ? tasks
      : [...tasks]
          .sort((a, b) => rank(a) - rank(b) || byCodeUnit(a.path, b.path))
          .slice(0, TASKS_SHOWN);
  const labels = shown.map((task) => plain(labelOf(task)));
  const widest = Math.max(...labels.map(displayWidth));
  const width = Number.isFinite(io.columns) ? Math.min(28, widest) : widest;
  const lines = shown.map((task, at) => {
    const [mark, colour] = MARKS[task.state] ?? ['○', 'dim'];
    const branch = at === shown.length - 1 && shown.length === tasks.length ? '└' : '├';
    const text = `${taskText(task, drawing.held)}${task.why === null ? '' : `  ${task.why}`}`;
    const line = fitWidth(
      `${indent}${branch} ${mark} ${padWidth(labels[at] ?? '', width)}  ${lineFor(io, text, 400)}`,
      io.columns,
    );
    return line.replace(mark, paint(io, colour, mark));
  });
  return shown.length === tasks.length
    ? lines
    : [...lines, `${indent}└ … and ${tasks.length - shown.length} more that succeeded`];
}

/** What tells a task from the others of its step: item, candidate, pass, and which try. */
function labelOf({ path, key }: TaskView): string {
  const { round, pass } = turnOfTask(path);
  const time = taskNumber(path) ?? 1;
  return [
    key === ONLY_KEY ? '' : key,
    pass === 1 ? '' : `pass ${pass}`,
    round === 1 ? '' : `round ${round}`,
    time === 1 ? '' : `(${time})`,
  ]
    .filter((part) => part !== '')
    .join(' ');
}

function taskText(task: TaskView, held: ReadonlyMap<string, string>): string {
  if (task.to === 'workflow') return 'its own run';
  const host = task.host ?? held.get(task.path) ?? null;
  const parts = [
    host === null ? task.to : `${task.to.split('@')[0] ?? task.to}@${host}`,
    task.isReused
      ? 'taken over'
      : task.state === 'open'
        ? host === null
          ? 'waits'
          : 'runs'
        : null,
    task.durationMs === null ? null : formatDuration(task.durationMs),
    task.usd === 0 ? null : formatCost(task.usd),
    task.attempts !== null && task.attempts > 1 ? `attempt ${task.attempts}` : null,
  ];
  return parts.filter((part) => part !== null).join('  ');
}

function stepText({ why, awaits, kind }: StepView): string {
  if (awaits !== null) return `waits ${sayAwaited(awaits)}`;
  return why ?? (kind === 'prompt' ? '' : kind);
}

function groupText(tasks: readonly TaskView[]): string {
  const done = tasks.filter(({ state }) => state === 'succeeded').length;
  const [failed, cancelled] = (['failed', 'cancelled'] as const).map(
    (each) => tasks.filter(({ state }) => state === each).length,
  );
  const { usd } = sumUse(tasks);
  const parts = [
    `${done} of ${tasks.length} done`,
    failed === 0 ? null : `${failed} failed`,
    cancelled === 0 ? null : `${cancelled} cancelled`,
    usd === 0 ? null : formatCost(usd),
  ];
  return parts.filter((part) => part !== null).join(', ');
}

/** `approve by ada, grace`; nobody's decision was made by the clock. */
export function describeDecision({ decision, by }: GateView): string {
  return `${decision ?? 'decided'} ${by.length === 0 ? '(nobody answered in time)' : `by ${by.join(', ')}`}`;
}

function gateText(gate: GateView): string {
  if (gate.state === 'decided') return `${describeDecision(gate)}: ${gate.title}`;
  if (gate.state === 'closed') return `the run ended before an answer: ${gate.title}`;
  const votes = gate.quorum > 1 ? ` (${gate.received} of ${gate.quorum})` : '';
  return `waits for ${stillAsked(gate).join(', ')}${votes}: ${gate.title}`;
}

function waitLines(io: Io, { waits }: Drawing): readonly string[] {
  const moved = waits.filter(needsPerson).slice(0, WAITS_SHOWN);
  if (moved.length === 0) return [];
  const lines = moved.flatMap((wait) => [
    `  ${fitWidth(lineFor(io, sayReason(wait), 400), io.columns - 2)}`,
    ...fixLines(io, fixOf(wait)),
  ]);
  return ['', paint(io, 'bold', 'Needs you'), ...lines];
}

function shortCount(count: number): string {
  return count < 1_000
    ? String(count)
    : count < 1_000_000
      ? `${(count / 1_000).toFixed(1)}k`
      : `${(count / 1_000_000).toFixed(1)}M`;
}
