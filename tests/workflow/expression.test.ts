import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkExpression } from '../../src/workflow/language/expression-check.ts';
import { evaluate } from '../../src/workflow/language/expression-evaluate.ts';
import { parseExpression } from '../../src/workflow/language/expression-parse.ts';
import type { Json } from '../../src/workflow/language/json.ts';
import {
  evaluateTemplate,
  parseTemplate,
  stepsRead,
} from '../../src/workflow/language/template.ts';
import {
  ANY,
  BOOLEAN,
  listOf,
  NUMBER,
  objectOf,
  TEXT,
  type Type,
  WHOLE_TEXT,
} from '../../src/workflow/language/type.ts';

const VALUES = new Map<string, Json>([
  ['inputs', { goal: 'ship', n: 3 }],
  [
    'steps',
    {
      'list-them': {
        text: 'all',
        failed: false,
        json: {
          tickets: [
            { id: 'a', ok: true },
            { id: 'b', ok: false },
          ],
        },
      },
      gate: { decision: 'approve' },
    },
  ],
]);

function value(text: string): Json {
  const read = parseExpression(text);
  if (read.kind === 'refused') throw new Error(read.why);
  return evaluate(read.expression, VALUES);
}

test.each<[string, Json]>([
  ['inputs.goal', 'ship'],
  ["inputs.goal == 'ship' && inputs.n >= 3", true],
  ['!(inputs.n < 3) || false', true],
  ['steps.list-them.json.tickets[1].id', 'b'],
  ['steps.list-them.json.tickets[].id', ['a', 'b']],
  ['steps.list-them.json.tickets[-1].ok', false],
  ['count(steps.list-them.json.tickets[].ok)', 1],
  ['any(pluck(steps.list-them.json.tickets, "ok"))', true],
  ['all(steps.list-them.json.tickets[].ok)', false],
  ["join(steps.list-them.json.tickets[].id, '+')", 'a+b'],
  ['len(inputs.goal) + 0', null],
  ['max(1, 7, inputs.n)', 7],
  ['min(steps.nobody.json)', null],
  ["default(steps.nobody.text, 'none')", 'none'],
  ['fromJSON("{\\"a\\": [1]}").a[0]', 1],
  ['flatten(fromJSON("[[1],[2,3]]"))', [1, 2, 3]],
  ["contains('abc', 'b')", true],
  ["inputs['goal']", 'ship'],
  ['inputs.constructor', null],
])('%s evaluates to what it says', (text, expected) => {
  if (text.includes('+ 0')) expect(parseExpression(text).kind).toBe('refused');
  else expect(value(text)).toEqual(expected);
});

test('a text that is one expression keeps the type of its value, any other becomes text', () => {
  expect(evaluateTemplate(parseTemplate('${{ inputs.n }}'), VALUES)).toBe(3);
  expect(evaluateTemplate(parseTemplate('n = ${{ inputs.n }}!'), VALUES)).toBe('n = 3!');
  expect(evaluateTemplate(parseTemplate("${{ default(inputs.nothing, '}}') }}"), VALUES)).toBe(
    '}}',
  );
  expect(parseTemplate('${{ inputs.n').problems).toEqual(['"${{" without "}}"']);
});

test('the steps a condition reads are found wherever they stand in it', () => {
  const template = parseTemplate(
    "${{ steps.a.failed || any(fromJSON(steps.b.text)) && steps['c'].status != 'x' }}",
  );
  expect([...stepsRead(template, null)]).toEqual(['a', 'b', 'c']);
  expect([...stepsRead(template, ['failed', 'status'])]).toEqual(['a', 'c']);
});

const SCOPE = {
  names: new Map<string, Type>([
    ['inputs', objectOf({ goal: TEXT, n: NUMBER })],
    [
      'steps',
      objectOf({
        plan: objectOf({
          text: WHOLE_TEXT,
          failed: BOOLEAN,
          json: objectOf({ green: BOOLEAN, list: listOf(objectOf({ n: NUMBER })), free: ANY }),
        }),
      }),
    ],
  ]),
  unreachable: (id: string) => (id === 'later' ? '"later" is not finished when this runs' : null),
};

function problems(text: string): readonly string[] {
  const read = parseExpression(text);
  return read.kind === 'refused' ? [read.why] : checkExpression(read.expression, SCOPE).problems;
}

test.each<[string, string]>([
  ["steps.plan.text == 'yes'", "an agent's whole text is compared with a literal"],
  ['steps.plna.text', 'did you mean "plan"?'],
  ['steps.later.text', '"later" is not finished when this runs'],
  ['input.goal', 'did you mean "inputs"?'],
  ['lenn(inputs.goal)', 'did you mean "len"?'],
  ["inputs.n == 'three'", 'a number never equals text'],
  ['inputs.goal && true', 'needs true or false, found text'],
  ['inputs.goal < 3', '"<" compares numbers, found text'],
  ['steps.plan.json.list[].m', 'there is no field "m"'],
  ['any(steps.plan.json.list[].n)', 'needs a list of true or false'],
  ['contains(inputs.goal)', 'takes 2 arguments'],
  ['inputs.goal inputs', '"inputs" is not expected here'],
  ['inputs.', 'expected a name after "."'],
])('%s is refused before anything runs', (text, expected) => {
  expect(problems(text).join('\n')).toContain(expected);
});

test('parsing and evaluating never throw, whatever the text', () => {
  const pieces = fc.constantFrom(
    'steps',
    '.',
    '[',
    ']',
    '(',
    ')',
    'plan',
    '==',
    '&&',
    '!',
    "'a'",
    '1',
    ',',
    'len',
    'json',
    ' ',
    '"',
    'true',
    '[]',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces, { maxLength: 30 }).map((each) => each.join('')),
      ),
      (text) => {
        const read = parseExpression(text);
        if (read.kind === 'expression') {
          evaluate(read.expression, VALUES);
          checkExpression(read.expression, SCOPE);
        }
        parseTemplate(`\${{ ${text} }}`);
      },
    ),
    { numRuns: 2_000 },
  );
  expect(parseExpression('('.repeat(3_000)).kind).toBe('refused');
  expect(parseExpression('!'.repeat(3_000)).kind).toBe('refused');
});
