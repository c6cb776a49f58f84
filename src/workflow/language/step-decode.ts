/** One step of a workflow: raw mapping → Step. Each kind has its own closed set of keys. */
import { suggestName } from '../../protocol/address.ts';
import { canonicalJson, isJsonList, isJsonObject, type Json, type JsonObject } from './json.ts';
import { decodeAsk, decodeWait } from './human-decode.ts';
import type { ListSource, Repeat, Step, StepBody } from './plan.ts';
import { decodeLimits, decodeModels, type Inherited } from './field-decode.ts';
import { KEYS } from './keys.ts';
import { decodePrompt } from './prompt-decode.ts';
import { createTaker, type Mapping, mappingAt, refuseUnknownKeys, takeBelow } from './read-keys.ts';
import { parseTemplate } from './template.ts';

const KINDS = ['prompt', 'value', 'ask', 'wait', 'uses', 'steps'] as const;
type Kind = (typeof KINDS)[number];

const KEYS_OF: Readonly<Record<Kind, readonly string[]>> = {
  prompt: KEYS.prompt,
  value: KEYS.value,
  ask: KEYS.askStep,
  wait: KEYS.waitStep,
  uses: KEYS.uses,
  steps: KEYS.group,
};
const ALL_STEP_KEYS = [...new Set(Object.values(KEYS_OF).flat())];
/** What a group hands down to the prompts in it. */
const HANDED_DOWN = ['model', 'isolate', 'project', 'base', 'branch', 'keep'];
const ID = /^[a-z][a-z0-9_-]{0,39}$/;

/** The steps below `key`, in the order they are written. */
export function decodeSteps(outer: Mapping, key: string, inherited: Inherited): readonly Step[] {
  const mapping = mappingAt(outer, key);
  const ids = Object.keys(mapping.raw);
  if (ids.length === 0)
    outer.report(mapping.path, `"${key}" has no steps`, 'steps: { <id>: { prompt: … } }');
  return ids.flatMap((id) => {
    if (!ID.test(id)) {
      outer.report(
        [...mapping.path, id],
        `"${id}" is not a step id: a lower-case letter, then letters, digits, "-" and "_", at most 40`,
      );
      return [];
    }
    const own = mappingAt(mapping, id, 'prompt');
    const isStep = mapping.raw[id] === null || isJsonObject(mapping.raw[id]);
    const step = isStep ? decodeStep(own, id, inherited) : null;
    return step === null ? [] : [step];
  });
}

function decodeStep(mapping: Mapping, id: string, inherited: Inherited): Step | null {
  const kind = kindOf(mapping, id);
  if (kind === null) return null;
  refuseUnknownKeys(
    mapping,
    KEYS_OF[kind],
    `step "${id}" (${kind === 'steps' ? 'a group' : kind})`,
  );
  const take = createTaker(mapping);
  return {
    id,
    body: decodeBody(mapping, kind, inherited),
    needs: take.texts('needs'),
    when: take.condition('if'),
    priority: take.integer('priority', -9, 9) ?? 0,
    each: mapping.raw['each'] === undefined ? null : decodeList(mapping, 'each'),
    matrix: decodeMatrix(mapping),
    maxParallel: take.integer('max-parallel', 1, 1_000),
    failFast: take.flag('fail-fast') ?? false,
    continueOnError:
      take.flag('continue-on-error') ??
      (kind === 'prompt' && inherited.defaults['continue-on-error'] === true),
    budget: decodeStepBudget(mapping),
    repeat: decodeRepeat(mapping),
    undo: take.text('undo'),
    place: mapping.path,
    source: canonicalJson({
      step: mapping.raw,
      defaults: inherited.defaults,
      model: [...inherited.model],
    }),
  };
}

function kindOf(mapping: Mapping, id: string): Kind | null {
  const found = KINDS.filter((kind) => mapping.raw[kind] !== undefined);
  const [kind] = found;
  if (found.length === 1 && kind !== undefined) return kind;
  if (found.length > 1)
    mapping.report(
      mapping.path,
      `step "${id}" is of ${String(found.length)} kinds at once: ${found.join(', ')}`,
      'keep one',
    );
  else {
    refuseUnknownKeys(mapping, ALL_STEP_KEYS, `step "${id}"`);
    const run =
      mapping.raw['run'] !== undefined
        ? ' (there is no "run:" — a command is a model with "adapter: command")'
        : '';
    const meant = Object.keys(mapping.raw)
      .flatMap((key) => suggestName(key, KINDS) ?? [])
      .at(0);
    mapping.report(
      mapping.path,
      `step "${id}" has nothing to do${run}`,
      meant === undefined
        ? `give it a "## ${id}" section or one of ${KINDS.join(', ')}`
        : `did you mean "${meant}"?`,
    );
  }
  return null;
}

function decodeBody(mapping: Mapping, kind: Kind, inherited: Inherited): StepBody {
  switch (kind) {
    case 'prompt':
      return decodePrompt(mapping, inherited);
    case 'value':
      return { kind: 'value', value: mapping.raw['value'] ?? null };
    case 'ask':
      return decodeAsk(mapping);
    case 'wait':
      return decodeWait(mapping);
    case 'uses': {
      const given = mappingAt(mapping, 'with');
      return { kind: 'uses', name: createTaker(mapping).text('uses') ?? '', with: given.raw };
    }
    case 'steps': {
      const handed = Object.fromEntries(
        HANDED_DOWN.flatMap((key) =>
          mapping.raw[key] === undefined ? [] : [[key, mapping.raw[key]]],
        ),
      );
      const { mapping: own } = takeBelow(mapping, 'defaults', KEYS.defaults);
      decodeModels(mapping, 'model');
      const defaults: JsonObject = { ...inherited.defaults, ...own.raw, ...handed };
      return { kind: 'group', steps: decodeSteps(mapping, 'steps', { ...inherited, defaults }) };
    }
  }
}

function decodeStepBudget(outer: Mapping): Step['budget'] {
  if (outer.raw['budget'] === undefined) return null;
  const mapping = mappingAt(outer, 'budget');
  refuseUnknownKeys(mapping, KEYS.stepBudget, "a step's budget");
  return decodeLimits(mapping);
}

function decodeRepeat(outer: Mapping): Repeat | null {
  if (outer.raw['repeat'] === undefined) return null;
  const { mapping, take } = takeBelow(outer, 'repeat', KEYS.repeat);
  const until = take.condition('until');
  if (until === null)
    outer.report(
      mapping.path,
      '"repeat" needs an "until"',
      'repeat: { until: "${{ … }}", max: 5 }',
    );
  return {
    until: until ?? parseTemplate('${{ true }}'),
    max: take.integer('max', 1, 100) ?? 10,
    onMax: take.choice('on-max', ['fail', 'last']) ?? 'fail',
  };
}

function decodeMatrix(outer: Mapping): Step['matrix'] {
  const mapping = mappingAt(outer, 'matrix');
  if (outer.raw['matrix'] !== undefined && outer.raw['each'] !== undefined)
    outer.report(mapping.path, '"each" and "matrix" exclude each other');
  return Object.keys(mapping.raw).map((key) => [key, decodeList(mapping, key)] as const);
}

function decodeList(mapping: Mapping, key: string): ListSource {
  const value: Json | undefined = mapping.raw[key];
  if (isJsonList(value)) return { kind: 'list', items: value };
  if (typeof value === 'string' && value.includes('${{'))
    return { kind: 'expression', template: parseTemplate(value.trim()) };
  mapping.report(
    [...mapping.path, key],
    `"${key}" must be a list or an expression that gives one`,
    '${{ steps.<id>.json.<list> }}',
  );
  return { kind: 'list', items: [] };
}
