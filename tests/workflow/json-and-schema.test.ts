import { expect, test } from 'vitest';
import { findMapping, type Json, jsonValues } from '../../src/workflow/language/json.ts';
import {
  findFitting,
  sampleOf,
  schemaProblems,
  validateJson,
} from '../../src/workflow/language/schema.ts';

const findJson = (text: string): Json | undefined => jsonValues(text)[0];

test('JSON is found whole, in the last fence, or as the last balanced object', () => {
  expect(findJson(' {"a": 1}\n')).toEqual({ a: 1 });
  expect(findJson('First:\n```json\n{"a": 1}\n```\nBetter:\n```\n{"a": 2}\n```\nDone.')).toEqual({
    a: 2,
  });
  expect(
    findJson('I thought {about it} and say {"a": {"b": "}"}} and {"c": [1, {"d": 2}]}, really.'),
  ).toEqual({ c: [1, { d: 2 }] });
  expect(findJson('It\'s "quoted { not json" then {"ok": true}')).toEqual({ ok: true });
  expect(findJson('{"a": 1} as shown in [1]')).toEqual({ a: 1 });
  expect(findJson('only prose')).toBeUndefined();
});

test('a long run of open brackets costs bounded time', () => {
  expect(findJson('{'.repeat(200_000))).toBeUndefined();
});

const OBJECT = { type: 'object', required: ['ok'], properties: { ok: { type: 'boolean' } } };
const FENCE = '```';

test.each<[string, string]>([
  [
    'a fence that fits before one that does not',
    `${FENCE}json\n{"ok": true}\n${FENCE}\nand\n${FENCE}\n42\n${FENCE}`,
  ],
  [
    'one that does not before one that fits',
    `${FENCE}\n42\n${FENCE}\n${FENCE}json\n{"ok": true}\n${FENCE}`,
  ],
  [
    'a fence with another object last',
    `${FENCE}\n{"ok": true}\n${FENCE}\n${FENCE}\n{"note": 1}\n${FENCE}`,
  ],
  ['prose before a fence of something else', `It is {"ok": true}, see\n${FENCE}\n[1, 2]\n${FENCE}`],
  ['two objects in prose', 'It is {"ok": true}, and {"seen": 3} files.'],
  ['a list after the object', `${FENCE}json\n{"ok": true}\n${FENCE}\n${FENCE}json\n[]\n${FENCE}`],
])('of several values the one that fits the schema is the answer: %s', (_, text) => {
  expect(findFitting(OBJECT, text)).toEqual({ json: { ok: true }, errors: [] });
});

test('when none fits, the likeliest one is reported', () => {
  expect(findFitting(OBJECT, `${FENCE}\n{"ok": 1}\n${FENCE}`).errors).toEqual([
    '$.ok: expected boolean, found 1',
  ]);
  expect(findFitting(OBJECT, 'nothing')).toEqual({
    json: null,
    errors: ['the answer contains no JSON'],
  });
});

test('a mapping may come as YAML in a fence', () => {
  expect(findMapping('Here:\n```yaml\nsteps:\n  a: { prompt: hi }\n```\n').value).toEqual({
    steps: { a: { prompt: 'hi' } },
  });
  expect(findMapping('no mapping here').value).toBeNull();
});

const SCHEMA = {
  type: 'object',
  required: ['tickets'],
  additionalProperties: false,
  properties: {
    tickets: {
      type: 'array',
      minItems: 1,
      items: {
        type: 'object',
        required: ['id'],
        properties: {
          id: { type: 'string', minLength: 1 },
          points: { type: 'integer', maximum: 8 },
        },
      },
    },
    mood: { enum: ['good', 'bad'] },
  },
};

test.each([
  [{ tickets: [{ id: 'a', points: 3 }] }, []],
  [{}, ['$.tickets: required']],
  [{ tickets: [] }, ['$.tickets: at least 1 items']],
  [{ tickets: [{ id: '' }] }, ['$.tickets[0].id: at least 1 characters']],
  [{ tickets: [{ id: 'a', points: 9.5 }] }, ['$.tickets[0].points: expected integer, found 9.5']],
  [
    { tickets: [{ id: 'a' }], mood: 'odd', more: 1 },
    ['$.mood: expected one of "good", "bad", found "odd"', '$.more: no such field'],
  ],
])('a value is judged by the schema: %j', (value, errors) => {
  expect(validateJson(SCHEMA, value)).toEqual(errors);
});

test('combined schemas judge as a whole', () => {
  const schema = {
    anyOf: [{ type: 'string' }, { type: 'number', exclusiveMinimum: 0 }],
    not: { const: 7 },
  };
  expect(validateJson(schema, 3)).toEqual([]);
  expect(validateJson(schema, 7)).toEqual(['$: fits what is excluded by "not"']);
  expect(validateJson(schema, -1)).toEqual(['$: fits none of "anyOf"']);
});

test('a schema that could hang a host, or has a rule nobody knows, is refused', () => {
  expect(schemaProblems({ type: 'string', pattern: '(a+)+$' }).join()).toContain(
    'a pattern can hang every host',
  );
  expect(schemaProblems({ type: 'object', propertys: {} }).join()).toContain(
    'did you mean "properties"?',
  );
  expect(schemaProblems({ type: 'text' }).join()).toContain('"text" is not one of');
});

test('the sample of a dry run fits its schema', () => {
  expect(validateJson(SCHEMA, sampleOf(SCHEMA))).toEqual([]);
});

const many = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test.each<[string, Json, Json]>([
  [
    'choices times items',
    { type: 'array', items: { enum: many(5_000) } },
    many(5_000).map(() => 4_999),
  ],
  [
    'anyOf times items',
    { type: 'array', items: { anyOf: many(3_000).map((value) => ({ const: value })) } },
    many(3_000).map(() => 2_999),
  ],
  [
    'choices inside of choices',
    many(24).reduce<Json>((inner) => ({ anyOf: [inner, inner] }), { type: 'string' }),
    1,
  ],
])('an answer is checked in a bounded number of steps: %s', (_, schema, value) => {
  expect(validateJson(schema, value)).toEqual([
    '$: not checked within 1000000 steps; expected fewer items or fewer choices',
  ]);
});

test('a large answer with few choices is judged whole', () => {
  const schema = { type: 'array', items: { enum: ['a', 'b', 'c'] } };
  expect(
    validateJson(
      schema,
      many(50_000).map(() => 'c'),
    ),
  ).toEqual([]);
});
