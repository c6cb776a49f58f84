/** The result of a run that is over: its status and the text that is routed back. */
import { showValue } from '../language/expression-evaluate.ts';
import { isUsable, type Outcome, outcomeValue } from './fold-context.ts';
import { type FoldedRun, isFailing } from './fold-run.ts';
import { isJsonObject, type Json } from '../language/json.ts';
import type { End, EndStatus } from './route.ts';
import { evaluateTemplate } from '../language/template.ts';

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
  return { status, body: `${text.trimEnd()}\n`, atMs, usd, tokens };
}

function statusOf(run: FoldedRun): EndStatus {
  if (run.stop?.kind === 'cancelled') return 'cancelled';
  if (run.compile?.status === 'failed' || isFailing(run)) return 'failed';
  const all = [...run.main.values(), ...run.final.values()];
  return run.stop !== null ||
    all.some((each) => each.status === 'degraded' || each.status === 'failed')
    ? 'degraded'
    : 'succeeded';
}

function goodBody(run: FoldedRun, status: EndStatus): string {
  const { fold, main } = run;
  const text = fold.plan.output === null ? lastText(run) : outputText(run);
  const tolerated = [...main, ...run.final].filter(
    ([, each]) => each.status === 'degraded' || each.status === 'failed',
  );
  const notes = tolerated.map(([id, each]) => `- ${id}: ${each.why ?? each.status}`);
  if (run.stop !== null) notes.push(`- ${run.stop.why}; left out: ${notRun(run).join(', ')}`);
  if (status === 'succeeded' || notes.length === 0) return text;
  return `${text.trimEnd()}\n\n---\n\nDegraded, ${String(notes.length)} tolerated:\n\n${notes.join('\n')}`;
}

function badBody(run: FoldedRun, status: EndStatus): string {
  const { fold, main, compile, stop } = run;
  const bad = [...main]
    .filter(([, each]) => each.status === 'failed')
    .map(([id, each]) => `- ${id}: ${each.why ?? 'failed'}`);
  const done = [...main].filter(([, each]) => isUsable(each)).map(([id]) => id);
  const lines = [
    status === 'cancelled' ? `The run ended: ${stop?.why ?? 'cancelled'}.` : 'The run failed.',
    ...(stop !== null && status !== 'cancelled' ? [`- ${stop.why}`] : []),
    ...(compile?.status === 'failed' ? [`- plan: ${compile.why ?? 'no plan'}`] : []),
    ...bad,
    ...(notRun(run).length === 0 ? [] : [`- not run: ${notRun(run).join(', ')}`]),
    ...(run.undone.length === 0 ? [] : [`- undone: ${run.undone.join(', ')}`]),
    ...(done.length === 0 ? [] : [`- finished: ${done.join(', ')}`]),
  ];
  return `${lines[0] ?? ''}\n\n${lines.slice(1).join('\n')}\n\nRun again only what did not finish: \`crosstalkd workflow retry ${fold.header.run}\``;
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
