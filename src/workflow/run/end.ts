/** The result of a run that has ended: its status and the text that is routed back. */
import { showValue } from '../language/expression-evaluate.ts';
import { isUsable, outcomeValue } from './fold-context.ts';
import { type FoldedRun, isFailing } from './fold-run.ts';
import { isJsonObject, type Json } from '../language/json.ts';
import type { End, EndStatus } from './route.ts';
import { evaluateTemplate } from '../language/template.ts';
import type { Outcome } from './fold.ts';

/** Status, text, time and cost at the end. */
export function endOf(run: FoldedRun): End {
  const status = statusOf(run);
  const all = [...run.main.values(), ...run.final.values()];
  const atMs = Math.max(
    run.fold.header.atMs,
    run.stop?.atMs ?? 0,
    run.compile?.atMs ?? 0,
    ...all.map((each) => each.atMs),
  );
  const { usd, tokens } = run.budget;
  const text =
    status === 'succeeded' || status === 'degraded' ? goodBody(run, status) : badBody(run, status);
  const [first] = status === 'failed' ? endNotes(run, status) : [];
  const why = first === undefined ? undefined : lineOf(first);
  return { status, body: `${text.trimEnd()}\n`, why, atMs, usd, tokens };
}

function statusOf(run: FoldedRun): EndStatus {
  if (run.stop?.kind === 'cancelled') return 'cancelled';
  // What was taken back is done no more, also when what had failed was fixed meanwhile.
  if (run.compile?.status === 'failed' || isFailing(run) || run.undone.length > 0) return 'failed';
  const all = [...run.main.values(), ...run.final.values()];
  return run.stop !== null ||
    all.some((each) => each.status === 'degraded' || each.status === 'failed')
    ? 'degraded'
    : 'succeeded';
}

function goodBody(run: FoldedRun, status: EndStatus): string {
  const { fold } = run;
  const text = fold.plan.output === null ? lastText(run) : outputText(run);
  const notes = endNotes(run, status);
  if (status === 'succeeded' || notes.length === 0) return text;
  return `${text.trimEnd()}\n\n---\n\nDegraded, ${String(notes.length)} tolerated:\n\n${listed(notes)}`;
}

function badBody(run: FoldedRun, status: EndStatus): string {
  const { fold, stop } = run;
  const head =
    status === 'cancelled' ? `The run ended: ${stop?.why ?? 'cancelled'}.` : 'The run failed.';
  return `${head}\n\n${listed(endNotes(run, status))}\n\nRun again only what did not finish: \`crosstalkd workflow retry ${fold.header.run}\``;
}

/** One thing to know of how a run ended. */
export interface EndNote {
  /** A step, or what the text lists; null = the run itself. */
  readonly of: string | null;
  readonly text: string;
  /** It tells what is left, not why the run ended. */
  readonly isList?: true;
}

/** What did not go well, and for a run that failed what is left of it. */
export function endNotes(run: FoldedRun, status: EndStatus): readonly EndNote[] {
  const { main, compile, stop } = run;
  if (status === 'succeeded') return [];
  if (status === 'degraded') {
    const tolerated = [...main, ...run.final].filter(
      ([, each]) => each.status === 'degraded' || each.status === 'failed',
    );
    return [
      ...tolerated.map(([of, each]) => ({ of, text: each.why ?? each.status })),
      ...(stop === null
        ? []
        : [{ of: null, text: `${stop.why}; left out: ${notRun(run).join(', ')}` }]),
    ];
  }
  const failed = [...main].filter(([, each]) => each.status === 'failed');
  const done = [...main].filter(([, each]) => isUsable(each)).map(([id]) => id);
  return [
    ...(stop !== null && status !== 'cancelled' ? [{ of: null, text: stop.why }] : []),
    ...(compile?.status === 'failed' ? [{ of: 'plan', text: compile.why ?? 'no plan' }] : []),
    ...failed.map(([of, each]) => ({ of, text: each.why ?? 'failed' })),
    ...listOf('not run', notRun(run)),
    ...listOf('undone', run.undone),
    ...listOf('finished', done),
  ];
}

function listOf(of: string, names: readonly string[]): readonly EndNote[] {
  return names.length === 0 ? [] : [{ of, text: names.join(', '), isList: true }];
}

function listed(notes: readonly EndNote[]): string {
  return notes.map((note) => `- ${lineOf(note)}`).join('\n');
}

function lineOf({ of, text }: EndNote): string {
  return of === null ? text : `${of}: ${text}`;
}

function notRun(run: FoldedRun): readonly string[] {
  return [...run.main]
    .filter(([, each]) => each.status === 'skipped' || each.status === 'cancelled')
    .map(([id]) => id);
}

function lastText(run: FoldedRun): string {
  const ids = run.fold.plan.steps.map((step) => step.id).filter((id) => run.main.has(id));
  const last = [...ids]
    .reverse()
    .map((id) => run.main.get(id))
    .find((each) => each !== undefined && isUsable(each));
  return last?.text ?? '';
}

function outputText(run: FoldedRun): string {
  const { fold, main } = run;
  if (fold.plan.output === null) return '';
  const steps = Object.fromEntries(
    [...main].map(([id, each]: [string, Outcome]) => [id, outcomeValue(each)]),
  );
  const values = new Map<string, Json>([
    ['inputs', fold.header.inputs],
    ['run', { id: fold.header.run, usd: run.budget.usd, tokens: run.budget.tokens }],
    ['steps', steps],
  ]);
  const value = evaluateTemplate(fold.plan.output, values);
  return isJsonObject(value) || Array.isArray(value)
    ? `\`\`\`json\n${JSON.stringify(value, null, 2)}\n\`\`\``
    : showValue(value);
}
