/**
 * JSON Schema, the part of it that answers of agents need. Interpreted, never compiled to code: a
 * schema comes out of the shared repository, so it must not be able to run or to hang anything.
 * `pattern` is refused for that reason; annotations are accepted and ignored.
 */
import { suggestName } from '../../protocol/address.ts';
import { describeOdd, isTexts } from '../../protocol/take.ts';
import { describe } from '../../protocol/yaml.ts';
import {
  canonicalJson,
  isJsonList,
  isJsonObject,
  type Json,
  type JsonObject,
  jsonValues,
} from './json.ts';
import { ANY, BOOLEAN, listOf, NULL, NUMBER, oneOf, TEXT, type Type } from './type.ts';

const ANNOTATIONS = [
  '$schema',
  '$id',
  '$comment',
  'title',
  'description',
  'default',
  'examples',
  'format',
  'deprecated',
  'readOnly',
  'writeOnly',
];
const RULES = (
  'type enum const properties required additionalProperties items minItems maxItems uniqueItems minimum maximum exclusiveMinimum ' +
  'exclusiveMaximum minLength maxLength minProperties maxProperties anyOf oneOf allOf not'
).split(' ');
const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
const ERRORS_MAX = 10;
const DEPTH_MAX = 32;
/** Values compared with rules in one judgement, and characters compared: choices times items. */
const STEPS_MAX = 1_000_000;

/** What is wrong with a schema itself; empty = it can be used. */
export function schemaProblems(schema: Json, where = 'schema'): readonly string[] {
  if (typeof schema === 'boolean') return [];
  if (!isJsonObject(schema)) return [`${where} must be a mapping`];
  if (where.split('.').length > DEPTH_MAX) return [`${where} is nested too deeply`];
  const unknown = Object.keys(schema).flatMap((key) =>
    RULES.includes(key) || ANNOTATIONS.includes(key) ? [] : [unknownRule(where, key)],
  );
  const types = typesOf(schema).filter((type) => !TYPES.includes(type));
  const properties = schema['properties'];
  const inner = [
    ...(isJsonObject(properties)
      ? Object.entries(properties).flatMap(([key, value]) =>
          schemaProblems(value, `${where}.${key}`),
        )
      : properties === undefined
        ? []
        : [`${where}.properties must be a mapping`]),
    ...['items', 'additionalProperties', 'not'].flatMap((key) =>
      schema[key] === undefined ? [] : schemaProblems(schema[key], `${where}.${key}`),
    ),
    ...['anyOf', 'oneOf', 'allOf'].flatMap((key) => {
      const list = schema[key];
      if (list === undefined) return [];
      return isJsonList(list)
        ? list.flatMap((each) => schemaProblems(each, `${where}.${key}`))
        : [`${where}.${key} must be a list`];
    }),
  ];
  const required = schema['required'];
  const badRequired =
    required !== undefined &&
    !(isJsonList(required) && required.every((key) => typeof key === 'string'));
  return [
    ...unknown,
    ...types.map((type) => {
      const meant = TYPES.find((known) => type.length > 2 && known.startsWith(type.toLowerCase()));
      return `${where}.type "${type}" is not one of ${TYPES.join(', ')}${meant === undefined ? '' : `; did you mean "${meant}"?`}`;
    }),
    ...(badRequired ? [`${where}.required must be a list of names`] : []),
    ...inner,
  ];
}

const COUNTS = [
  ...['minItems', 'maxItems', 'minLength', 'maxLength', 'minProperties', 'maxProperties'],
  ...['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'],
];

/** Rules of a schema that say nothing, or that no answer can keep. */
export function oddRules(schema: Json, where = 'schema'): readonly string[] {
  if (schema === false) return [`${where}: false fits nothing`];
  if (!isJsonObject(schema)) return [];
  const { type, enum: choices, properties = {} } = schema;
  const required = isJsonList(schema['required']) ? schema['required'] : [];
  const names = isJsonObject(properties) ? Object.keys(properties) : [];
  const inner = isJsonObject(properties) ? Object.entries(properties) : [];
  return [
    ...(type === undefined || typeof type === 'string' || isTexts(type)
      ? []
      : [`${where}.type must be text or a list of texts, found ${describe(type)}`]),
    ...(choices === undefined || (isJsonList(choices) && choices.length > 0)
      ? []
      : [`${where}.enum must be a list of values, found ${describeOdd(choices)}`]),
    ...COUNTS.filter((key) => schema[key] !== undefined && typeof schema[key] !== 'number').map(
      (key) => `${where}.${key} must be a number, found ${describe(schema[key])}`,
    ),
    ...['Items', 'Length', 'Properties', 'imum'].flatMap((what) =>
      numberOf(schema[`min${what}`], 0) > numberOf(schema[`max${what}`], Infinity)
        ? [`${where}: min${what} is more than max${what}`]
        : [],
    ),
    ...(schema['additionalProperties'] === false
      ? required
          .filter((key): key is string => typeof key === 'string' && !names.includes(key))
          .map((key) => `${where}.required "${key}" is not among its properties`)
      : []),
    ...inner.flatMap(([key, value]) => (value === false ? [] : oddRules(value, `${where}.${key}`))),
    ...(schema['items'] === undefined ? [] : oddRules(schema['items'], `${where}.items`)),
  ];
}

/** The type that expressions give to a value of this schema. */
export function schemaType(schema: Json): Type {
  if (!isJsonObject(schema)) return ANY;
  const types = typesOf(schema).filter((type) => type !== 'null');
  if (types.length > 1) return ANY;
  const values = isJsonList(schema['enum'])
    ? schema['enum']
    : schema['const'] === undefined
      ? []
      : [schema['const']];
  const type = types[0] ?? (schema['properties'] === undefined ? commonType(values) : 'object');
  switch (type) {
    case 'string': {
      const texts = values.filter((value) => typeof value === 'string');
      return texts.length > 0 ? oneOf(texts) : TEXT;
    }
    case 'number':
    case 'integer':
      return NUMBER;
    case 'boolean':
      return BOOLEAN;
    case 'null':
      return NULL;
    case 'array':
      return listOf(schema['items'] === undefined ? ANY : schemaType(schema['items']));
    case 'object': {
      const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
      const fields = new Map(
        Object.entries(properties).map(([key, value]) => [key, schemaType(value)] as const),
      );
      return { kind: 'object', fields, open: fields.size === 0 };
    }
    default:
      return ANY;
  }
}

/**
 * What in `value` breaks the schema, at most ten lines such as `$.tickets[0].title: required`.
 * Empty = it fits.
 */
export function validateJson(schema: Json, value: Json): readonly string[] {
  const errors: string[] = [];
  const budget: Budget = { left: STEPS_MAX };
  check(schema, value, { where: '$', errors, budget });
  return budget.left < 0
    ? [`$: not checked within ${String(STEPS_MAX)} steps; expected fewer items or fewer choices`]
    : errors.slice(0, ERRORS_MAX);
}

/** The JSON value of an answer: of several the likeliest that fits, and what is wrong with it. */
export function findFitting(
  schema: Json,
  text: string,
): { readonly json: Json; readonly errors: readonly string[] } {
  const judged = jsonValues(text).map((json) => ({ json, errors: validateJson(schema, json) }));
  return (
    judged.find(({ errors }) => errors.length === 0) ??
    judged[0] ?? { json: null, errors: ['the answer contains no JSON'] }
  );
}

/** A value that fits the types of the schema, for dry runs. */
export function sampleOf(schema: Json, depth = 0): Json {
  if (!isJsonObject(schema) || depth > DEPTH_MAX) return null;
  if (schema['const'] !== undefined) return schema['const'];
  const choices = schema['enum'] ?? schema['examples'];
  if (isJsonList(choices) && choices[0] !== undefined) return choices[0];
  if (schema['default'] !== undefined) return schema['default'];
  const type = typesOf(schema)[0] ?? (schema['properties'] === undefined ? 'null' : 'object');
  if (type === 'string')
    return 'dry run'
      .padEnd(numberOf(schema['minLength'], 0), '.')
      .slice(0, numberOf(schema['maxLength'], 1_000));
  if (type === 'number' || type === 'integer')
    return Math.min(Math.max(numberOf(schema['minimum'], 1), 1), numberOf(schema['maximum'], 1e9));
  if (type === 'boolean') return true;
  if (type === 'array')
    return Array.from({ length: Math.min(Math.max(1, numberOf(schema['minItems'], 1)), 100) }, () =>
      sampleOf(schema['items'] ?? null, depth + 1),
    );
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  return type === 'object'
    ? Object.fromEntries(
        Object.entries(properties).map(([key, inner]) => [key, sampleOf(inner, depth + 1)]),
      )
    : null;
}

interface SchemaPosition {
  readonly where: string;
  readonly errors: string[];
  readonly budget: Budget;
}

/** What is left of the work that one judgement may cost; below 0 nothing is judged any more. */
interface Budget {
  left: number;
}

function check(schema: Json, value: Json, place: SchemaPosition): void {
  if (!spend(place, 1)) return;
  if (schema === false) place.errors.push(`${place.where}: not allowed`);
  if (!isJsonObject(schema) || place.errors.length >= ERRORS_MAX) return;
  const types = typesOf(schema);
  if (types.length > 0 && !types.some((type) => hasType(value, type))) {
    place.errors.push(`${place.where}: expected ${types.join(' or ')}, found ${shortly(value)}`);
    return;
  }
  checkValues(schema, value, place);
  if (isJsonObject(value)) checkObject(schema, value, place);
  if (isJsonList(value)) checkList(schema, value, place);
  checkCombined(schema, value, place);
}

function spend({ budget }: SchemaPosition, steps: number): boolean {
  budget.left -= steps;
  return budget.left >= 0;
}

function checkValues(schema: JsonObject, value: Json, place: SchemaPosition): void {
  const { where, errors } = place;
  const choices = schema['enum'];
  if (isJsonList(choices) && !isAmong(choices, value, place))
    errors.push(
      `${where}: expected one of ${choices.map((choice) => JSON.stringify(choice)).join(', ')}, found ${shortly(value)}`,
    );
  if (schema['const'] !== undefined && !isAmong([schema['const']], value, place))
    errors.push(`${where}: expected ${JSON.stringify(schema['const'])}, found ${shortly(value)}`);
  const size =
    typeof value === 'string' ? Array.from(value).length : typeof value === 'number' ? value : null;
  if (size === null) return;
  const [low, high, what] =
    typeof value === 'string'
      ? ['minLength', 'maxLength', 'characters']
      : ['minimum', 'maximum', ''];
  if (size < numberOf(schema[low], -Infinity))
    errors.push(`${where}: at least ${show(schema[low])} ${what}`.trim());
  if (size > numberOf(schema[high], Infinity))
    errors.push(`${where}: at most ${show(schema[high])} ${what}`.trim());
  if (typeof value !== 'number') return;
  if (value <= numberOf(schema['exclusiveMinimum'], -Infinity))
    errors.push(`${where}: more than ${show(schema['exclusiveMinimum'])}`);
  if (value >= numberOf(schema['exclusiveMaximum'], Infinity))
    errors.push(`${where}: less than ${show(schema['exclusiveMaximum'])}`);
}

/** Each text is made once for a list of choices, and each choice costs its length. */
function isAmong(choices: readonly Json[], value: Json, place: SchemaPosition): boolean {
  const wanted = canonicalJson(value);
  if (!spend(place, wanted.length)) return false;
  return choices.some((choice) => {
    const text = textOf(choice);
    return spend(place, 1 + (text.length === wanted.length ? text.length : 0)) && text === wanted;
  });
}

/** The text of a choice that is an object or list stays the same as long as its schema. */
const textsOfChoices = new WeakMap<object, string>();

function textOf(choice: Json): string {
  if (typeof choice !== 'object' || choice === null) return canonicalJson(choice);
  const known = textsOfChoices.get(choice) ?? canonicalJson(choice);
  textsOfChoices.set(choice, known);
  return known;
}

function checkObject(schema: JsonObject, value: JsonObject, place: SchemaPosition): void {
  const { where, errors, budget } = place;
  const required = isJsonList(schema['required']) ? schema['required'] : [];
  for (const key of required)
    if (typeof key === 'string' && !Object.hasOwn(value, key))
      errors.push(`${where}.${key}: required`);
  const properties = isJsonObject(schema['properties']) ? schema['properties'] : {};
  const size = Object.keys(value).length;
  if (size < numberOf(schema['minProperties'], 0))
    errors.push(`${where}: at least ${show(schema['minProperties'])} fields`);
  if (size > numberOf(schema['maxProperties'], Infinity))
    errors.push(`${where}: at most ${show(schema['maxProperties'])} fields`);
  for (const [key, inner] of Object.entries(value)) {
    if (!spend(place, 1)) return;
    const own = Object.hasOwn(properties, key) ? properties[key] : schema['additionalProperties'];
    if (own === false) errors.push(`${where}.${key}: no such field`);
    else if (own !== undefined) check(own, inner, { where: `${where}.${key}`, errors, budget });
  }
}

function checkList(schema: JsonObject, value: readonly Json[], place: SchemaPosition): void {
  const { where, errors, budget } = place;
  if (value.length < numberOf(schema['minItems'], 0))
    errors.push(`${where}: at least ${show(schema['minItems'])} items`);
  if (value.length > numberOf(schema['maxItems'], Infinity))
    errors.push(`${where}: at most ${show(schema['maxItems'])} items`);
  if (schema['uniqueItems'] === true && new Set(value.map(canonicalJson)).size < value.length)
    errors.push(`${where}: items must differ`);
  const items = schema['items'];
  if (items === undefined) return;
  for (const [index, inner] of value.entries()) {
    if (budget.left < 0) return;
    check(items, inner, { where: `${where}[${String(index)}]`, errors, budget });
  }
}

function checkCombined(schema: JsonObject, value: Json, place: SchemaPosition): void {
  const { where, errors, budget } = place;
  const fits = (each: Json): boolean => {
    const inner: string[] = [];
    check(each, value, { where, errors: inner, budget });
    return inner.length === 0;
  };
  const listed = (key: string): readonly Json[] | null =>
    isJsonList(schema[key]) ? schema[key] : null;
  for (const each of listed('allOf') ?? []) check(each, value, place);
  if (listed('anyOf')?.some(fits) === false) errors.push(`${where}: fits none of "anyOf"`);
  const one = listed('oneOf')?.filter(fits).length;
  if (one !== undefined && one !== 1)
    errors.push(`${where}: fits ${String(one)} of "oneOf" instead of one`);
  if (schema['not'] !== undefined && fits(schema['not']))
    errors.push(`${where}: fits what is excluded by "not"`);
}

function unknownRule(where: string, key: string): string {
  if (key === 'pattern' || key === 'patternProperties')
    return `${where}.${key} is not supported (a pattern can hang every host); use "enum" or a "checks" expression`;
  const meant = suggestName(key, RULES);
  return `${where}.${key} is not a supported rule${meant === null ? '' : `; did you mean "${meant}"?`}`;
}

function typesOf(schema: JsonObject): readonly string[] {
  const type = schema['type'];
  return typeof type === 'string'
    ? [type]
    : isJsonList(type)
      ? type.filter((each): each is string => typeof each === 'string')
      : [];
}

function hasType(value: Json, type: string): boolean {
  if (type === 'integer') return typeof value === 'number' && Number.isInteger(value);
  return typeName(value) === type;
}

function typeName(value: Json): string {
  return value === null ? 'null' : isJsonList(value) ? 'array' : typeof value;
}

function commonType(values: readonly Json[]): string {
  const names = new Set(values.map(typeName));
  return names.size === 1 ? ([...names][0] ?? '') : '';
}

function numberOf(value: Json | undefined, fallback: number): number {
  return typeof value === 'number' ? value : fallback;
}

function show(value: Json | undefined): string {
  return JSON.stringify(value ?? null);
}

function shortly(value: Json): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
