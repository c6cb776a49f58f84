/**
 * Prose becomes a plan: which model is asked, its prompt, and what its answer may contain. An
 * answer of a model makes tasks, never markers, gates, limits or schedules.
 */
import { parseAddress } from '../../protocol/address.ts';
import { MODELS_FILE } from '../../protocol/paths.ts';
import type { Compilers } from '../../protocol/who-can-be-asked.ts';
import { findMapping, isJsonObject, type Json, type JsonObject } from '../language/json.ts';
import type { Marker } from '../language/marker.ts';
import { type CheckedPlan, checkRaw, completeRaw } from '../language/source.ts';
import type { CheckOptions } from '../language/plan-check.ts';
import { protocol7 } from './older-run.ts';
import { overridesOf } from './open-run.ts';

/** Who compiles, fallbacks in order; or why nobody does. */
export type Compiling =
  | { readonly kind: 'by'; readonly models: readonly string[] }
  | { readonly kind: 'nobody'; readonly why: string };

/** What is known of those who may compile. */
export interface CompileOptions {
  readonly compilers: Compilers;
  readonly served: ReadonlyMap<string, readonly string[]>;
}

/**
 * The models of the marker's `compile:`, else those of the transport's `compile-model:`, else the
 * marker's own `model` or the first of the file that is an agent without effects and served now.
 */
export function chooseCompilers(marker: Marker, options: CompileOptions): Compiling {
  const { compilers, served } = options;
  const isServed = (address: string): boolean => {
    const { name = '', host = null } = parseAddress(address) ?? {};
    const hosts = served.get(name) ?? [];
    return host === null ? hosts.length > 0 : hosts.includes(host);
  };
  const named = marker.compileModels.length > 0 ? marker.compileModels : compilers.preset;
  const said = marker.compileModels.length > 0 ? 'compile:' : 'compile-model:';
  if (named.length > 0) {
    const up = named.filter(isServed);
    return up.length > 0
      ? { kind: 'by', models: up }
      : { kind: 'nobody', why: `no host that is up serves ${named.join(' or ')} ("${said}")` };
  }
  const { model } = marker.source.raw;
  const own = [model]
    .flat()
    .find((each): each is string => compilers.ready.some((name) => name === each));
  const first = own ?? compilers.ready[0];
  if (first !== undefined) return { kind: 'by', models: [first] };
  const others = compilers.others.map(({ name, why }) => `${name} ${why}`).join('; ');
  return {
    kind: 'nobody',
    why: `no model can make a plan of this text: ${others === '' ? `${MODELS_FILE} names none` : others}`,
  };
}

/** Who would compile, fallbacks in order, were their hosts up; empty when nobody could. */
export function wouldCompile(marker: Marker, { idle, preset }: Compilers): readonly string[] {
  const named = marker.compileModels.length > 0 ? marker.compileModels : preset;
  if (named.length > 0) return named;
  const own = [marker.source.raw['model']]
    .flat()
    .find((each) => idle.some((name) => name === each));
  return idle.filter((name) => name === (own ?? idle[0]));
}

/**
 * The prompt of the compiling model. The example is written with placeholders, so that it is not a
 * plan itself: a program that only repeats its question has said nothing.
 */
export function compilePrompt(task: string, models: readonly string[]): string {
  return `Make a workflow plan for the task below. Answer with one YAML or JSON mapping in a fence and nothing else.

Keys of the plan: ${COMPILED_KEYS.join(', ')}. \`steps\` is a mapping from an id (lower-case letters, digits, "-") to a step. Replace everything in angle brackets:

\`\`\`yaml
name: <short name>
steps:
  <first id>: { model: <model>, prompt: "<what to do>", count: 3, join: { model: <model>, prompt: "<how to merge>" } }
  <second id>: { needs: [<first id>], model: <model>, prompt: "<what to do with> \${{ steps.<first id>.text }}" }
output: "\${{ steps.<second id>.text }}"
\`\`\`

A step has \`prompt\`, and may have \`model\` (a name or a list of fallbacks), \`models\` (one task for each), \`count\` (1 to 10), \`each\` (an expression that gives a list), \`needs\` (ids of steps that come before), \`if\`, \`schema\` (JSON Schema of the answer; then fields are \`steps.<id>.json.<field>\`), \`join\` (all, first, {model, prompt}, {vote: field}, {best: field}), \`repeat: {until, max}\`, \`continue-on-error\`. Expressions read only steps that are in \`needs\`.
The short form {"fanout": {"to": <model>, "count": <n>, "body": <prompt>}, "synthesize": {"to": <model>, "body": <prompt>}} is accepted too.

Models: ${models.join(', ')}.

# The task

${task.trim()}`;
}

/** What a plan of a model is judged by. */
export interface CompiledContext extends CheckOptions {
  readonly marker: Marker | null;
  /** Who does steps that name nobody: the one that made the plan. */
  readonly compiler: string | null;
}

/**
 * The plan in an answer of the compiling model; its problems carry no lines, since nobody keeps
 * that file.
 */
export function readCompiled(
  body: string,
  context: CompiledContext,
): CheckedPlan | readonly string[] {
  const found = findMapping(body);
  if (found.value === null) return [found.why];
  const raw = protocol7(found.value) ?? found.value;
  const problems = [...compiledProblems(raw)];
  const overrides = context.marker === null ? {} : overridesOf(context.marker);
  const complete = completeRaw({ ...raw, ...overrides }, () => null);
  const unknown = Object.keys(raw).filter((key) => !COMPILED_KEYS.includes(key));
  problems.push(
    ...unknown.map(
      (key) => `the key "${key}" is not allowed here; use ${COMPILED_KEYS.join(', ')}`,
    ),
  );
  const withModel =
    complete['model'] === undefined && context.compiler !== null
      ? { ...complete, model: context.compiler }
      : complete;
  const checked = checkRaw(withModel, context, () => ({ line: 0 }));
  problems.push(
    ...checked.problems.map(
      ({ message, suggestion }) => `${message}${suggestion === null ? '' : ` (${suggestion})`}`,
    ),
  );
  return problems.length > 0 ? problems : checked;
}

const COMPILED_KEYS = [
  'name',
  'description',
  'model',
  'steps',
  'finally',
  'output',
  'defaults',
  'fail-fast',
];
const FORBIDDEN_IN_STEPS = [
  'uses',
  'ask',
  'isolate',
  'project',
  'base',
  'branch',
  'effects',
  'undo',
  'cache',
];

function compiledProblems(raw: JsonObject): readonly string[] {
  const problems: string[] = [];
  const judge = (where: string, keys: JsonObject): void => {
    for (const key of FORBIDDEN_IN_STEPS)
      if (keys[key] !== undefined) problems.push(`${where}: a compiled plan may not use "${key}"`);
    const join = isJsonObject(keys['join']) ? keys['join']['model'] : undefined;
    for (const model of [keys['model'], keys['models'], join].flat())
      if (typeof model === 'string' && model.includes('@'))
        problems.push(`${where}: a compiled plan may not pin hosts ("${model}")`);
    if (isJsonObject(keys['defaults'])) judge(`${where}, "defaults"`, keys['defaults']);
  };
  const visit = (steps: Json | undefined): void => {
    if (!isJsonObject(steps)) return;
    for (const [id, step] of Object.entries(steps)) {
      if (!isJsonObject(step)) continue;
      judge(`step "${id}"`, step);
      visit(step['steps']);
    }
  };
  judge('the plan', raw);
  visit(raw['steps']);
  visit(raw['finally']);
  return problems;
}
