/** The type of `steps.<id>`: what later steps can read of a step. */
import type { Json } from './json.ts';
import { type Ask, isListStep, type Prompt, type Step } from './plan.ts';
import { schemaType } from './schema.ts';
import {
  ANY,
  BOOLEAN,
  listOf,
  NUMBER,
  objectOf,
  oneOf,
  TEXT,
  type Type,
  WHOLE_TEXT,
} from './type.ts';

/** The type of the step as its dependants see it: a list where it fans out over items. */
export function stepType(step: Step): Type {
  const single = singleStepType(step);
  if (!isListStep(step)) return single;
  const json = jsonOf(single);
  const base = resultFields(WHOLE_TEXT, json === null ? null : listOf(json));
  return objectOf({ ...base, list: listOf(withKey(single)) });
}

/** The type of one item's result: what `until` and `checks` see of the step itself. */
export function singleStepType(step: Step): Type {
  const { body } = step;
  switch (body.kind) {
    case 'prompt':
      return promptType(body);
    case 'value':
      return objectOf(resultFields(TEXT, valueType(body.value)));
    case 'ask':
      return objectOf({
        ...resultFields(TEXT, body.schema === null ? null : schemaType(body.schema)),
        decision: oneOf(decisionsOf(body)),
      });
    case 'wait':
      return objectOf(resultFields(TEXT, null));
    case 'uses':
      return objectOf(resultFields(WHOLE_TEXT, ANY));
    case 'group': {
      const last = body.steps.at(-1);
      return last === undefined ? objectOf(resultFields(WHOLE_TEXT, null)) : stepType(last);
    }
  }
}

/** What people can decide at a gate. */
function decisionsOf({ form, choices }: Ask): readonly string[] {
  const yes = form === 'choose' ? choices : [form === 'input' ? 'answer' : 'approve'];
  return [...yes, 'approve', 'deny', 'timeout'];
}

/** True when one item of the step is answered by several candidates. */
export function isMany(prompt: Prompt): boolean {
  return prompt.spread.length > 1 || prompt.count !== 1;
}

function promptType(prompt: Prompt): Type {
  const own = prompt.schema === null ? null : schemaType(prompt.schema);
  if (!isMany(prompt) && prompt.join.kind !== 'model')
    return withList(resultFields(WHOLE_TEXT, own), own);
  const joined =
    prompt.join.kind === 'all'
      ? own === null
        ? null
        : listOf(own)
      : prompt.join.kind === 'model'
        ? joinType(prompt.join.schema)
        : own;
  return withList(resultFields(WHOLE_TEXT, joined), own);
}

function joinType(schema: Json | null): Type | null {
  return schema === null ? null : schemaType(schema);
}

function withList(fields: Record<string, Type>, candidate: Type | null): Type {
  return objectOf({
    ...fields,
    list: listOf(withKey(objectOf(resultFields(WHOLE_TEXT, candidate)))),
  });
}

function withKey(type: Type): Type {
  if (type.kind !== 'object') return type;
  const { fields } = type;
  const known = [...fields.keys()].map((name) => [name, fields.get(name) ?? ANY] as const);
  return { ...type, fields: new Map([...known, ['key', TEXT], ['index', NUMBER]]) };
}

/** How a step can have ended. */
const ENDS = ['succeeded', 'degraded', 'failed', 'skipped', 'cancelled'];

function resultFields(text: Type, json: Type | null): Record<string, Type> {
  return { text, status: oneOf(ENDS), failed: BOOLEAN, ...(json === null ? {} : { json }) };
}

function jsonOf(type: Type): Type | null {
  return type.kind === 'object' ? (type.fields.get('json') ?? null) : null;
}

function valueType(value: Json): Type {
  return typeof value === 'string' && value.includes('${{') ? ANY : typeOfValue(value);
}

/** The type of a written-out value; lists have the type of their first element. */
export function typeOfValue(value: Json): Type {
  if (value === null) return ANY;
  if (typeof value === 'string') return TEXT;
  if (typeof value === 'number') return NUMBER;
  if (typeof value === 'boolean') return BOOLEAN;
  if (Array.isArray(value)) {
    const kinds = new Set(value.map((each: Json) => (Array.isArray(each) ? 'list' : typeof each)));
    const [first] = value as readonly Json[];
    return listOf(
      kinds.size === 1 && first !== undefined && !(typeof first === 'object')
        ? typeOfValue(first)
        : ANY,
    );
  }
  return objectOf(
    Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, typeOfValue(inner)])),
  );
}
