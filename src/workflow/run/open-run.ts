/**
 * The first transitions: RUN.json, then the frozen plan, out of `steps:`, of a saved workflow, or
 * of a model's answer.
 */
import { createHash } from 'node:crypto';
import { workflowFile } from '../../protocol/paths.ts';
import { writeYaml } from '../../protocol/yaml.ts';
import { checkSource, type WorkflowCheckOptions } from '../language/check.ts';
import { ENGINE, formatHeader, type RunHeader } from './header.ts';
import type { JsonObject } from '../language/json.ts';
import { type Marker, OVERRIDES, readMarker, resolveInputs } from '../language/marker.ts';
import { DEFAULT_BUDGET, DEFAULT_MAX_PARALLEL, type Plan } from '../language/plan.ts';
import { KEYS } from '../language/keys.ts';
import { decodePlan } from '../language/plan-decode.ts';
import { type OlderRun, readOlderRun } from './older-run.ts';
import type { NewFile, RunInput } from './run-input.ts';
import {
  type CheckedPlan,
  checkRaw,
  completeRaw,
  formatProblem,
  readSource,
  type Source,
} from '../language/source.ts';
import { firstPlanPath, headerPath } from '../../protocol/run-paths.ts';

/**
 * How a marker begins: a header (and a plan, when no model has to compile one), or what is wrong
 * with it.
 */
export type Opening =
  | { readonly kind: 'open'; readonly header: RunHeader; readonly plan: CheckedPlan | null }
  | { readonly kind: 'refused'; readonly problems: readonly string[] };

/**
 * Hops a marker may have: its tasks have one more and must stay below the limit of messages (4).
 * Child runs of child runs end here.
 */
const HOPS_MAX = 2;

/** Reads the marker and everything it names. */
export function openRun(input: RunInput): Opening {
  const marker = readMarker(input.marker.message);
  if (marker.problems.length > 0)
    return { kind: 'refused', problems: marker.problems.map(formatProblem) };
  if (input.marker.message.fields.hops > HOPS_MAX)
    return { kind: 'refused', problems: [`runs are nested more than ${String(HOPS_MAX)} deep`] };
  const older = readOlderRun(input);
  if (older !== null) return carryOn(input, marker, older);
  if (marker.kind === 'prose')
    return {
      kind: 'open',
      header: headerOf(input, marker, { inputs: {}, hash: null }),
      plan: null,
    };
  const saved = marker.uses === null ? null : input.lookUp.savedWorkflow(marker.uses);
  if (marker.uses !== null && saved === null)
    return {
      kind: 'refused',
      problems: [
        `line ${String(marker.source.placeOf(['uses']).line)}: there is no saved workflow "${marker.uses}" (${workflowFile(marker.uses)}), or none that is signed where that is required`,
      ],
    };
  const source: Source = saved === null ? planPart(marker) : readSource(saved);
  if (source.problems.length > 0)
    return { kind: 'refused', problems: source.problems.map(formatProblem) };
  const overridden: Source = { ...source, raw: { ...source.raw, ...overridesOf(marker) } };
  const checked = checkSource(overridden, checkOptions(input));
  const { inputs, problems } = resolveInputs(checked.plan, marker.given);
  const where = marker.uses === null ? '' : `${workflowFile(marker.uses)}, `;
  const all = [
    ...checked.problems.map((problem) => `${where}${formatProblem(problem)}`),
    ...(checked.problems.length > 0 ? [] : problems.map(({ message }) => message)),
  ];
  if (all.length > 0) return { kind: 'refused', problems: all };
  return {
    kind: 'open',
    header: headerOf(input, marker, { inputs, hash: hashOf(saved ?? '') }),
    plan: checked,
  };
}

/**
 * A run of an older program in today's form. Its models are not checked: what is left to do may
 * need none of them.
 */
function carryOn(input: RunInput, marker: Marker, { plan }: OlderRun): Opening {
  const damaged = `PLAN.json of "${input.run}", which an older program wrote, is damaged`;
  if (plan === null) return { kind: 'refused', problems: [damaged] };
  const complete = completeRaw({ ...plan, ...overridesOf(marker) }, () => null);
  const checked = checkRaw(complete, { models: null, served: new Map() }, () => ({ line: 0 }));
  if (checked.problems.length > 0)
    return {
      kind: 'refused',
      problems: checked.problems.map(({ message }) => `${damaged}: ${message}`),
    };
  return {
    kind: 'open',
    header: headerOf(input, { ...marker, kind: 'steps' }, { inputs: {}, hash: null }),
    plan: checked,
  };
}

/** The files of the opening commit. */
export function openFiles(
  root: string,
  opening: Opening & { readonly kind: 'open' },
): readonly NewFile[] {
  const header = { path: headerPath(root), content: formatHeader(opening.header) };
  return opening.plan === null ? [header] : [header, planFile(root, opening.plan.raw)];
}

/** PLAN.yaml of a raw plan. */
export function planFile(root: string, raw: JsonObject): NewFile {
  return { path: firstPlanPath(root), content: writeYaml(raw) };
}

/** The plan an engine works with while there is none: limits of the marker, no steps. */
export function planBeforeCompile(input: RunInput): Plan {
  const marker = readMarker(input.marker.message);
  const plan = decodePlan({ ...overridesOf(marker), steps: {} }, () => undefined);
  return {
    ...plan,
    budget: { ...DEFAULT_BUDGET, ...plan.budget },
    maxParallel: plan.maxParallel || DEFAULT_MAX_PARALLEL,
  };
}

/** The options of a check made while a run continues. */
export function checkOptions(input: RunInput): WorkflowCheckOptions {
  return input.lookUp;
}

/** What identifies a text. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function planPart(marker: Marker): Source {
  const raw = Object.fromEntries(
    KEYS.run.flatMap((key) =>
      marker.source.raw[key] === undefined ? [] : [[key, marker.source.raw[key]]],
    ),
  );
  return { ...marker.source, raw };
}

/** What a marker sets over the plan that it starts. */
export function overridesOf(marker: Marker): JsonObject {
  const { raw } = marker.source;
  return Object.fromEntries(
    OVERRIDES.flatMap((key) => (raw[key] === undefined ? [] : [[key, raw[key]]])),
  );
}

function headerOf(
  input: RunInput,
  marker: Marker,
  made: { readonly inputs: JsonObject; readonly hash: string | null },
): RunHeader {
  return {
    engine: ENGINE,
    run: input.run,
    marker: input.marker.path,
    blob: input.marker.blob,
    from: input.marker.from,
    atMs: input.marker.timestampMs,
    hops: input.marker.message.fields.hops,
    source: { kind: marker.kind, name: marker.uses, hash: made.hash },
    inputs: made.inputs,
    fork: marker.fork,
  };
}
