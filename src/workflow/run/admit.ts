/** Concurrency groups: a run starts its steps once its group has a free place. */
import { by } from '../../base/order.ts';
import { channelRoot } from '../../protocol/paths.ts';
import { showValue } from '../language/expression-evaluate.ts';
import { parseHeader } from './header.ts';
import type { Json } from '../language/json.ts';
import type { Plan } from '../language/plan.ts';
import { planInForce } from './plan-in-force.ts';
import type { NewFile, RunInput, RunSummary } from './run-input.ts';
import { evaluateTemplate } from '../language/template.ts';
import { headerPath } from '../../protocol/run-paths.ts';

/** Whether a run may continue. */
export type Admission =
  | { readonly kind: 'free' }
  | { readonly kind: 'admit'; readonly group: string; readonly files: readonly NewFile[] }
  | {
      readonly kind: 'queued';
      readonly group: string;
      /** Runs before it, in the order in which they have or get a place. */
      readonly behind: readonly string[];
    }
  | { readonly kind: 'dropped'; readonly group: string };

/** The file that says a run has its place. */
export function admitPath(root: string): string {
  return `${root}ADMIT.json`;
}

/** The group of a run, with its inputs filled in, or null. */
export function groupOf(plan: Plan, inputs: Json, run: string): string | null {
  if (plan.concurrency === null) return null;
  const values = new Map<string, Json>([
    ['inputs', inputs],
    ['run', { id: run, usd: 0, tokens: 0 }],
  ]);
  return showValue(evaluateTemplate(plan.concurrency.group, values));
}

/** Decides admission by the other runs of the group at the same tip. */
export function admission(
  input: RunInput,
  root: string,
  given: { readonly plan: Plan; readonly inputs: Json },
): Admission {
  const { plan, inputs } = given;
  const group = groupOf(plan, inputs, input.run);
  if (group === null || plan.concurrency === null || input.files.has(admitPath(root)))
    return { kind: 'free' };
  const others = input.lookUp.otherRuns.filter(
    (run) => run.group === group && run.run !== input.run,
  );
  const active = others.filter((run) => run.state === 'active').sort(by(orderKey));
  const own = orderKey({ markerMs: input.marker.timestampMs, marker: input.marker.path });
  const ahead = others.filter((run) => run.state === 'queued' && orderKey(run) < own);
  const { max, overflow, maxQueue } = plan.concurrency;
  const admit = { path: admitPath(root), content: `${JSON.stringify({ group }, null, 2)}\n` };
  if (active.length + ahead.length < max) return { kind: 'admit', group, files: [admit] };
  if (overflow === 'drop' || ahead.length >= maxQueue) return { kind: 'dropped', group };
  const oldest = active[0];
  if (overflow === 'cancel-oldest' && oldest !== undefined && ahead.length === 0)
    // Its place is free once that run has ended; the mark stands in its channel, so it is asked
    // once.
    return { kind: 'admit', group, files: [admit, cancelMark(oldest, input.run)] };
  return {
    kind: 'queued',
    group,
    behind: [...active, ...ahead.sort(by(orderKey))].map(({ run }) => run),
  };
}

/** What other runs need to know of this one. */
export function summarizeRun(input: RunInput): RunSummary {
  const root = channelRoot(input.run);
  const header = parseHeader(input.files.get(headerPath(root)) ?? '');
  const plan = planInForce(input.files, root)?.plan ?? null;
  const isEnded =
    input.files.has(`${root}COMPLETE`) ||
    input.files.has(`${root}CANCEL`) ||
    input.marker.reply !== null;
  return {
    run: input.run,
    group:
      plan === null || header === null
        ? null
        : groupOr(null, () => groupOf(plan, header.inputs, input.run)),
    state: isEnded ? 'ended' : input.files.has(admitPath(root)) ? 'active' : 'queued',
    markerMs: input.marker.timestampMs,
    marker: input.marker.path,
  };
}

/** A run whose group outgrows every name has none; its own turn ends it. */
function groupOr(otherwise: null, group: () => string | null): string | null {
  try {
    return group();
  } catch {
    return otherwise;
  }
}

function cancelMark(run: RunSummary, replacement: string): NewFile {
  return { path: `${channelRoot(run.run)}CANCEL`, content: `replaced by ${replacement}\n` };
}

function orderKey(run: Pick<RunSummary, 'markerMs' | 'marker'>): string {
  return `${String(run.markerMs).padStart(16, '0')} ${run.marker}`;
}
