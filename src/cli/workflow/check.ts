/**
 * `crosstalkd workflow check` and `plan`: what is wrong with a workflow, and what it would do.
 * Nothing runs, nothing is published.
 */
import { join, resolve } from 'node:path';
import { snakeKeys } from '../../base/snake-keys.ts';
import { CrosstalkError, ERROR_CODES } from '../../base/errors.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { checkWorkflow } from '../../workflow/language/check.ts';
import { readMarker } from '../../workflow/language/marker.ts';
import { chooseCompilers, type Compiling, wouldCompile } from '../../workflow/run/compile.ts';
import { type PlannedRun, type PlannedStep, planWorkflow } from '../../workflow/view/dry-plan.ts';
import type { Plan, Problem } from '../../workflow/language/plan.ts';
import { given, type Invocation } from '../command.ts';
import { formatTable } from '../../base/display-width.ts';
import { paint, plain } from '../io.ts';
import { pointAt } from '../point-at.ts';
import { lookAround, type Surroundings } from '../look/look-around.ts';
import { counted } from '../../protocol/say-reason.ts';
import { differingSettings, sayDiffering } from '../look/differing.ts';
import { printDone, printJson, startDirectory, wantsJson } from '../look/reading.ts';
import {
  inputsOf,
  type Known,
  markerOf,
  readCheckOptions,
  readInputs,
  readWorkflow,
  type WorkflowText,
} from './source.ts';
import { fixBy } from '../../base/fix.ts';

/** What a check found. `plan: null` without errors = prose, which a model has to compile first. */
export interface Checked {
  readonly source: WorkflowText;
  readonly errors: readonly Problem[];
  readonly plan: Plan | null;
  /** Who makes the plan of a text in prose; null where there is one. */
  readonly compiling: Compiling | null;
  /** No host is up: the one who makes the plan is who would. */
  readonly isQuiet: boolean;
}

/** Checks a workflow. Exit 2 when something is wrong. */
export async function checkFile(invocation: Invocation): Promise<number> {
  return withTransport(invocation, async (around) => {
    const { source, errors, plan, compiling, isQuiet } = await readChecked(invocation, around);
    const note = around === null ? NOT_AT_HAND : await notePushed(invocation, around, source);
    if (note !== null && !wantsJson(invocation)) invocation.io.warn(plain(note));
    if (errors.length > 0) return tellErrors(invocation, source, errors);
    const steps = plan === null ? null : plan.steps.length + plan.final.length;
    const by = compiling?.kind === 'by' ? compiling.models : null;
    printDone(invocation, { file: source.label, errors: [], steps, compiled_by: by }, () =>
      steps === null
        ? `${plain(source.label)}: fine; ${by === null ? 'a model' : plain(by.join(', else '))} makes the plan when it runs${isQuiet && around !== null ? ', once a host is up that serves it' : ''}`
        : `${plain(source.label)}: fine, ${counted(steps, 'step')}`,
    );
    return 0;
  });
}

const NOT_AT_HAND = 'not in a transport: models were not checked, and saved workflows are unknown';

/** By what it was judged, where this clone differs from what is pushed. */
async function notePushed(
  invocation: Invocation,
  { session }: Surroundings,
  source: WorkflowText,
): Promise<string | null> {
  const paths = await differingSettings(session);
  const isSaved = source.saved !== null && paths.includes(source.label);
  if (isSaved)
    return `${source.label} is checked as it is pushed; the file in this clone differs: crosstalkd workflow check ${source.label}`;
  const { clone } = session.located;
  const full = resolve(startDirectory(invocation), source.label);
  const own = paths.find((path) => clone !== null && join(clone, path) === full);
  if (own !== undefined) return `${own} differs from what is pushed: hosts run what is pushed`;
  return sayDiffering(paths);
}

/** Shows what a run would do. */
export async function planFile(invocation: Invocation): Promise<number> {
  return withTransport(invocation, async (around) => {
    const { source, errors, plan } = await readChecked(invocation, around);
    if (errors.length > 0) return tellErrors(invocation, source, errors);
    if (plan === null)
      throw new CrosstalkError(
        'NOT_FOUND',
        `${source.label} is prose: it has no plan until a model makes one`,
        { fix: fixBy`crosstalkd workflow run ${source.label}` },
      );
    const { served } = await readCheckOptions(around);
    const planned = planWorkflow(plan, served);
    if (wantsJson(invocation))
      printJson(invocation, {
        ...{ ok: true, health: 'good', file: source.label },
        ...snakeKeys(planned),
      });
    else for (const line of formatPlan(invocation, planned)) invocation.io.print(line);
    return 0;
  });
}

/**
 * The workflow an invocation names, and everything wrong with it and with the inputs given. Missing
 * inputs are not asked for by a mere check.
 */
export async function readChecked(
  invocation: Invocation,
  around: Surroundings | null,
): Promise<Checked> {
  const known = await readCheckOptions(around);
  const source = await readWorkflow(invocation, known, invocation.args[0] ?? '');
  const checked = checkSourceText(source, known);
  if (checked.errors.length > 0 || !given(invocation, 'input')) return checked;
  const wrong = await checkInputs(invocation, source, known);
  return { ...checked, errors: wrong.filter(({ input }) => input?.kind !== 'missing') };
}

/** Checks the text itself; of a file in prose, that somebody can make a plan of it. */
export function checkSourceText(source: WorkflowText, known: Known): Checked {
  const isProse = !source.text.replace(/^\ufeff/, '').startsWith('---');
  const checked = isProse ? checkProse(source) : checkWorkflow(source.text, known);
  const isPlanned = checked.errors.length > 0 || checked.plan !== null;
  const isQuiet = known.served.size === 0;
  const compiling = isPlanned || known.models === null ? null : compilingOf(source, known, isQuiet);
  if (isQuiet || compiling?.kind !== 'nobody') return { source, ...checked, compiling, isQuiet };
  const nobody = {
    line: 1,
    message: compiling.why,
    suggestion: 'compile: { model: <name> }, or "compile-model:" in data/models.yaml',
  };
  return { source, errors: [nobody], plan: null, compiling, isQuiet };
}

function checkProse({ text }: WorkflowText): Pick<Checked, 'errors' | 'plan'> {
  const empty = {
    line: 1,
    message: 'the file is empty',
    suggestion: 'write the task, or "steps:"',
  };
  if (text.trim() === '') return { errors: [empty], plan: null };
  const steps = text.split('\n').findIndex((line) => /^steps:/.test(line));
  // A key or a dash at its beginning: somebody means a plan, and a model would read it as a wish.
  if (steps < 0 || !/^\s*(---|#|[\w-]+:)/.test(text)) return { errors: [], plan: null };
  const bare = {
    line: steps + 1,
    column: 1,
    message: '"steps:" is not in front matter, so the file would be read as prose',
    suggestion: 'make "---" the first line, and close the keys with another',
  };
  return { errors: [bare], plan: null };
}

/** Who would make the plan of a text; `isQuiet`: were a host up that serves them. */
export function compilingOf(source: WorkflowText, known: Known, isQuiet = false): Compiling {
  const { fields, body } = markerOf(source, { inputs: {}, more: {} });
  const read = decodeMessage(Buffer.from(writeFrontMatter(fields, body)));
  if (read.kind !== 'message') return { kind: 'nobody', why: read.rejection.found };
  const marker = readMarker(read.message);
  const would = isQuiet ? wouldCompile(marker, known.compilers) : [];
  return would.length > 0 ? { kind: 'by', models: would } : chooseCompilers(marker, known);
}

/** What is wrong with the marker that would be published: above all its inputs. */
export async function checkInputs(
  invocation: Invocation,
  source: WorkflowText,
  known: Known,
): Promise<readonly Problem[]> {
  const inputs = await readInputs(invocation, inputsOf(source, known));
  const { fields, body } = markerOf(source, { inputs, more: {} });
  return checkWorkflow(writeFrontMatter(fields, body), known).errors;
}

/** Prints problems as `file:line:column: …` and gives the exit code. */
export function tellErrors(
  invocation: Invocation,
  source: WorkflowText,
  errors: readonly Problem[],
): number {
  const { io } = invocation;
  if (wantsJson(invocation))
    printJson(invocation, { ok: false, health: 'degraded', file: source.label, errors });
  else {
    for (const { line, column, message, suggestion } of errors) {
      const at = column === undefined ? String(line) : `${line}:${column}`;
      io.warn(
        `${plain(source.label)}:${at}: ${paint(io, 'red', plain(message))}${suggestion === null ? '' : ` (${plain(suggestion)})`}`,
      );
      for (const row of pointAt(io, { text: source.text, line, column })) io.warn(row);
    }
  }
  return ERROR_CODES.MESSAGE_REJECTED.exit;
}

/** Opens the transport when there is one: a file can be checked anywhere. */
async function withTransport(
  invocation: Invocation,
  act: (around: Surroundings | null) => Promise<number>,
): Promise<number> {
  const around = await lookAround(invocation).catch((error: unknown) => {
    if (
      error instanceof CrosstalkError &&
      ['NOT_A_TRANSPORT', 'REMOTE_UNREACHABLE'].includes(error.code)
    )
      return null;
    throw error;
  });
  try {
    return await act(around);
  } finally {
    await around?.session.close();
  }
}

function formatPlan(invocation: Invocation, planned: PlannedRun): readonly string[] {
  const { io } = invocation;
  const rows = planned.steps.map((step) => [
    `${'  '.repeat(step.depth)}${step.kind === 'group' ? '▾' : '○'} ${step.id}`,
    step.needs.length === 0 ? '' : `← ${step.needs.join(', ')}`,
    describeWho(step),
    step.agentsMax === 0
      ? ''
      : `≤ ${step.agentsMax} ${step.agentsMax === 1 ? 'agent' : 'agents'}${step.perItem ? ' per item' : ''}`,
  ]);
  const most = `at most ${planned.agentsMax} agents${planned.isBoundByBudget ? ' (its budget)' : ''}, ${planned.maxParallel} at a time`;
  const cost = planned.usdMax === null ? 'no cost limit' : `at most ${planned.usdMax} USD`;
  return [
    paint(io, 'bold', planned.name),
    ...formatTable(rows, io.columns).map(plain),
    '',
    `${most}; ${cost}`,
  ];
}

function describeWho({ kind, models, hosts }: PlannedStep): string {
  if (kind === 'ask') return 'a person';
  if (kind !== 'prompt') return kind;
  return `${models.join(', ')}${hosts.length === 0 ? ' (no host is up that serves it)' : ` on ${hosts.join(', ')}`}`;
}
