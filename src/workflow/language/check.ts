/**
 * `workflow check`: everything wrong with a workflow file, a marker or a saved one, with lines and
 * suggestions.
 */
import { decodeMessage } from '../../protocol/message.ts';
import { KEYS } from './keys.ts';
import { meantWorkflow } from './uses-check.ts';
import { readMarker, resolveInputs } from './marker.ts';
import type { JsonObject } from './json.ts';
import type { Plan, Problem } from './plan.ts';
import type { KnownFiles } from './start-check.ts';
import { type CheckedPlan, checkRaw, completeRaw, readSource, type Source } from './source.ts';

/** What is known where the check runs; `models: null` = the transport is not at hand. */
export interface WorkflowCheckOptions extends KnownFiles {
  readonly models: readonly string[] | null;
  readonly served: ReadonlyMap<string, readonly string[]>;
  readonly savedWorkflow: (name: string) => string | null;
  readonly schemaFile: (path: string) => string | null;
}

export interface WorkflowCheck {
  readonly errors: readonly Problem[];
  /** Null when there are errors, or when a model still has to compile it. */
  readonly plan: Plan | null;
}

/**
 * Checks the text of a file. A file with `to:`, or with what only markers have, is a marker; any
 * other is a saved workflow.
 */
export function checkWorkflow(text: string, options: WorkflowCheckOptions): WorkflowCheck {
  const source = readSource(text);
  const { raw, problems } = source;
  if (problems.length > 0) return { errors: problems, plan: null };
  if (raw['to'] !== undefined) return checkMarker(text, options);
  return KEYS.marker.some((key) => raw[key] !== undefined)
    ? checkMarker(addressed(text), options)
    : ended(checkSource(source, options));
}

/** The same with its address, behind the keys that it has: their lines stay. */
function addressed(text: string): string {
  const lines = text.split('\n');
  const end = lines.findIndex((line, at) => at > 0 && /^---[ \t]*\r?$/.test(line));
  return [...lines.slice(0, end), 'to: workflow', 'type: workflow', ...lines.slice(end)].join('\n');
}

/** Checks a source as its own plan. */
export function checkSource(source: Source, options: WorkflowCheckOptions): CheckedPlan {
  const raw = completeRaw(source.raw, options.schemaFile);
  const unknown = Object.keys(source.raw).filter((key) => raw[key] === undefined);
  const extra = Object.fromEntries(unknown.map((key) => [key, source.raw[key] ?? null]));
  const checked = checkRaw({ ...raw, ...extra }, options, source.placeOf);
  return { ...checked, raw };
}

function checkMarker(text: string, options: WorkflowCheckOptions): WorkflowCheck {
  const read = decodeMessage(Buffer.from(text, 'utf8'));
  if (read.kind === 'rejected') {
    const { line, found, expected } = read.rejection;
    return {
      errors: [{ line, message: `found ${found}`, suggestion: `expected ${expected}` }],
      plan: null,
    };
  }
  const marker = readMarker(read.message);
  if (marker.problems.length > 0 || marker.kind === 'prose')
    return { errors: marker.problems, plan: null };
  const at = (key: string): Pick<Problem, 'line' | 'column'> => marker.source.placeOf([key]);
  const saved = marker.uses === null ? null : options.savedWorkflow(marker.uses);
  if (marker.uses !== null && saved === null)
    return {
      errors: [
        {
          ...at('uses'),
          message: `there is no saved workflow "${marker.uses}"`,
          suggestion: meantWorkflow(marker.uses, options.savedWorkflow),
        },
      ],
      plan: null,
    };
  const source =
    saved === null ? { ...marker.source, raw: pickPlanKeys(marker.source.raw) } : readSource(saved);
  const checked = checkSource(source, options);
  const inputs =
    checked.problems.length > 0
      ? []
      : resolveInputs(checked.plan, marker.given).problems.map(({ message, ...input }) => ({
          ...at('with'),
          message,
          suggestion: null,
          input,
        }));
  const errors = [...source.problems, ...checked.problems, ...inputs];
  return { errors, plan: errors.length > 0 ? null : checked.plan };
}

function pickPlanKeys(raw: JsonObject): JsonObject {
  return Object.fromEntries(
    KEYS.run.flatMap((key) => (raw[key] === undefined ? [] : [[key, raw[key]]])),
  );
}

function ended({ plan, problems }: CheckedPlan): WorkflowCheck {
  return { errors: problems, plan: problems.length > 0 ? null : plan };
}
