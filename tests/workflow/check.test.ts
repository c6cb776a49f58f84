import { expect, test } from 'vitest';
import { checkRaw } from '../../src/workflow/language/source.ts';
import { checkWorkflow, type WorkflowCheckOptions } from '../../src/workflow/language/check.ts';

const OPTIONS: WorkflowCheckOptions = {
  models: ['opus', 'gpt', 'ci', 'idle'],
  served: new Map([
    ['opus', ['mbp']],
    ['gpt', ['box']],
    ['ci', ['box']],
  ]),
  savedWorkflow: (name) =>
    name === 'saved'
      ? '---\ninputs: { goal: { type: string, required: true } }\nmodel: opus\nsteps: { a: { prompt: "${{ inputs.goal }}" } }\n---\n'
      : null,
  schemaFile: (path) =>
    path === 'data/schemas/tickets.json'
      ? '{"type":"object","required":["tickets"],"properties":{"tickets":{"type":"array","items":{"type":"object","properties":{"id":{"type":"string"},"n":{"type":"number"}}}}}}'
      : null,
};

function errors(yaml: string, body = ''): string {
  return checkWorkflow(`---\n${yaml}\n---\n${body}`, OPTIONS)
    .errors.map(
      ({ line, message, suggestion }) =>
        `${line}: ${message}${suggestion === null ? '' : ` (${suggestion})`}`,
    )
    .join('\n');
}

test('the workflow of the language page is accepted, with prompts in sections', () => {
  const yaml = `name: ship
model: opus
inputs: { goal: { type: string, required: true } }
budget: { usd: 60, agents: 200, on-exceed: pause }
steps:
  plan: { model: [opus, gpt], schema: schemas/tickets.json }
  approve-plan:
    needs: [plan]
    ask: { title: "Approve?", kind: approve, approvers: [maintainer], on-deny: { rework: plan, max: 3 } }
  build:
    needs: [approve-plan]
    each: "\${{ steps.plan.json.tickets }}"
    repeat: { until: "\${{ steps.test.json.green }}", max: 5, on-max: fail }
    steps:
      implement: { model: [opus, gpt], retry: { max: 2, on: [rate-limit, crash] } }
      test: { needs: [implement], model: ci, schema: { type: object, required: [green], properties: { green: { type: boolean } } } }
  panel: { needs: [build], models: [opus, gpt], join: { model: opus } }
output: "\${{ steps.panel.text }}"`;
  const body =
    '\n## plan\nPlan ${{ inputs.goal }}.\n\n### Notes\n\n## Background\nstill the plan\n\n## implement\nDo ${{ item.id }}, pass ${{ loop.n }}: ${{ loop.prev.test.text }}\n\n## test\nrun\n\n## panel\nJudge.\n';
  const checked = checkWorkflow(`---\n${yaml}\n---\n${body}`, OPTIONS);
  expect(checked.errors).toEqual([]);
  const [plan] = checked.plan?.steps ?? [];
  expect(plan?.body.kind === 'prompt' && plan.body.prompt.parts.at(-1)).toEqual({
    kind: 'text',
    text: '.\n\n### Notes\n\n## Background\nstill the plan',
  });
});

test.each<[string, string, string]>([
  [
    'an unknown key',
    'model: opus\nstep:\n  a: { prompt: x }\nsteps:\n  b: { prompt: x }',
    '3: unknown key "step" in a workflow (did you mean "steps"?)',
  ],
  [
    'an unknown key of a step',
    'model: opus\nsteps:\n  a:\n    prompt: x\n    need: [b]',
    '6: unknown key "need" in step "a" (prompt) (did you mean "needs"?)',
  ],
  [
    'a key of another kind',
    'steps:\n  a:\n    value: 1\n    model: opus',
    '5: unknown key "model" in step "a" (value)',
  ],
  [
    'a step without a kind',
    'model: opus\nsteps:\n  a: { model: opus }',
    '4: step "a" has nothing to do (give it a "## a" section or one of',
  ],
  [
    'a shell command',
    'model: opus\nsteps:\n  a: { run: make }',
    'a command is a model with "adapter: command"',
  ],
  [
    'two kinds at once',
    'model: opus\nsteps:\n  a: { prompt: x, value: 3 }',
    '4: step "a" is of 2 kinds at once: prompt, value',
  ],
  [
    'a cycle',
    'model: opus\nsteps:\n  a: { prompt: x, needs: [b] }\n  b: { prompt: x, needs: [a] }',
    'these steps wait for each other: a → b → a',
  ],
  [
    'a need that is not there',
    'model: opus\nsteps:\n  plan: { prompt: x }\n  b: { prompt: x, needs: [paln] }',
    '"b" needs "paln", which is not a step beside it (did you mean "plan"?)',
  ],
  [
    'a reference without need',
    'model: opus\nsteps:\n  a: { prompt: x }\n  b:\n    prompt: "${{ steps.a.text }}"',
    '6: in "steps.a.text": "a" is not finished when this runs: add it to "needs"',
  ],
  [
    'a condition that is no boolean',
    'model: opus\nsteps:\n  a: { prompt: x }\n  b: { prompt: x, needs: [a], if: "${{ steps.a.text }}" }',
    '"if" must be true or false, found text',
  ],
  [
    'whole text against a literal',
    'model: opus\nsteps:\n  a: { prompt: x }\n  b: { prompt: x, needs: [a], if: "${{ steps.a.text == \'yes\' }}" }',
    'declare a schema on that step',
  ],
  [
    'json without schema',
    'model: opus\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: "${{ steps.a.json.x }}" }',
    'declares no "schema"',
  ],
  [
    'each over text',
    'model: opus\nsteps:\n  a: { prompt: x }\n  b: { needs: [a], prompt: y, each: "${{ steps.a.text }}" }',
    '"each" needs a list, found text',
  ],
  [
    'a model of all steps that nobody knows, at the first step that has none of its own',
    'model: nobody-here\nsteps:\n  a: { prompt: x }\n  b:\n    prompt: x\n    model: ci',
    '4: there is no model "nobody-here" in this transport (there are opus, gpt',
  ],
  [
    'steps that read each other, of which only one can need the other',
    'model: opus\nsteps:\n  a: { prompt: "${{ steps.b.text }}" }\n  b: { prompt: "${{ steps.c.text }}" }\n  c: { prompt: "${{ steps.a.text }}" }',
    '6: in "steps.a.text": "a" reads "c", so one of the two cannot read the other',
  ],
  ['letters exchanged', 'steps:\n  a: { prompt: x, modle: opus }', 'did you mean "model"?'],
  [
    'a model nobody knows',
    'steps:\n  a: { prompt: x, model: opsu }',
    '3: there is no model "opsu" in this transport (did you mean',
  ],
  [
    'a model nobody serves',
    'steps:\n  a: { prompt: x, model: idle }',
    '3: no live host serves idle (served now: opus, gpt, ci)',
  ],
  ['no model at all', 'steps:\n  a: { prompt: x }', 'step "a" has no model'],
  [
    'a count that is text',
    'model: opus\nsteps:\n  a: { prompt: x, count: "3" }',
    '"count" must be a whole number from 1 to 10, found text "3"',
  ],
  [
    'too many candidates',
    'model: opus\nsteps:\n  a: { prompt: x, count: 11 }',
    '"count" must be a whole number from 1 to 10',
  ],
  [
    'a vote without schema',
    'model: opus\nsteps:\n  a: { prompt: x, count: 3, join: { vote: answer } }',
    'declare a "schema"',
  ],
  [
    'a model as approver',
    'model: opus\nsteps:\n  a: { ask: { title: t, approvers: [opus] } }',
    '"opus" is not a person',
  ],
  [
    'an impossible quorum',
    'model: opus\nsteps:\n  a: { ask: { title: t, approvers: [anna], quorum: 2 } }',
    'can never be reached',
  ],
  [
    'rework of a stranger',
    'model: opus\nsteps:\n  b: { prompt: x }\n  a: { ask: { title: t, on-deny: { rework: b } } }',
    '"rework: b" must name a step that "a" needs',
  ],
  ['two waits', 'steps:\n  a: { wait: { for: 2h, event: go } }', '"wait" needs exactly one of'],
  [
    'a schedule of four fields',
    'model: opus\non: { schedule: "0 9 * *" }\nsteps:\n  a: { prompt: x }',
    '3: a schedule has five fields',
  ],
  [
    'the same id twice',
    'model: opus\nsteps:\n  a: { prompt: x }\n  g: { steps: { a: { prompt: y } } }',
    'the step id "a" is used twice',
  ],
  [
    'a loop name outside a loop',
    'model: opus\nsteps:\n  a: { prompt: "${{ loop.n }}" }',
    'nothing is called "loop" here',
  ],
  [
    'a missing schema file',
    'model: opus\nsteps:\n  a: { prompt: x, schema: no/such.json }',
    'the schema file "no/such.json" is not in the transport',
  ],
  ['a bad expression in a section', 'model: opus\nsteps:\n  a:', '7: in "inputs.x":'],
])('%s is an error with its line and what was probably meant', (what, yaml, expected) => {
  expect(
    errors(yaml, what.includes('section') ? '\nprose\n## a\n${{ inputs.x }}\n' : ''),
  ).toContain(expected);
});

test('YAML that cannot be read is one error with its line', () => {
  expect(errors('steps:\n  a: [b')).toMatch(/^\d: found /);
});

test('a marker is checked with the saved workflow it uses', () => {
  expect(errors('to: workflow\ntype: workflow\nuses: saved\nwith: { goal: x }')).toBe('');
  expect(errors('to: workflow\ntype: workflow\nuses: saved')).toBe(
    '5: the input "goal" is missing'.replace('5', '2'),
  );
  expect(errors('to: workflow\ntype: workflow\nuses: nothing')).toContain(
    '4: there is no saved workflow "nothing"',
  );
  expect(errors('to: workflow\ntype: workflow')).toContain('the marker asks for nothing');
  expect(errors('to: workflow\ntype: workflow\nstpes: {}')).toContain(
    '4: unknown key "stpes" in a workflow marker (did you mean "steps"?)',
  );
});

test.each<[string, string, string]>([
  ['itself', 'steps.a.text', '"a" cannot read itself before it has run'],
  ['a field that the schema does not have', 'steps.first.json.god', 'did you mean "good"?'],
  ['a step behind it', 'steps.last.text', '"last" runs after "a"'],
  [
    'a step beside it',
    'steps.other.text',
    '"other" is not finished when this runs: add it to "needs"',
  ],
])(
  'what a prompt may not read is reported without a suggestion that makes a cycle: %s',
  (_, read, says) => {
    const plan = `model: opus
steps:
  first: { prompt: x, schema: { type: object, properties: { good: { type: boolean } } } }
  a: { needs: [first], prompt: "\${{ ${read} }}" }
  other: { prompt: x }
  last: { needs: [a], prompt: x }`;
    expect(errors(plan)).toContain(says);
  },
);

test('a condition of which no schema says what it is names the field', () => {
  expect(
    errors(
      'model: opus\nsteps:\n  a: { prompt: x, schema: { type: object }, repeat: { until: "${{ steps.a.json.done }}" } }',
    ),
  ).toContain('no schema says what "steps.a.json.done" is (declare it as { type: boolean }');
});

test.each([
  ['0 0 30 2 *', '"0 0 30 2 *" never occurs: feb has no day 30'],
  ['0 0 31 2,4,6 *', 'never occurs: feb, apr, jun have no day 31'],
  ['0 0 9 * * 1', 'a schedule has five fields'],
  ['TZ=Europe/Zurich 0 9 * * 1', 'a schedule has five fields'],
  ['0 0 29 2 *', ''],
  ['0 0 30 2 mon', ''],
  ['0 0 31 */2 *', ''],
  ['*/90 * * * *', '"*/90" is no minute of a schedule: a step between 0 and 59 is 1 to 59'],
  ['0 */24 * * *', '"*/24" is no hour of a schedule: a step between 0 and 23 is 1 to 23'],
  ['0 9-17/9 * * *', 'a step between 9 and 17 is 1 to 8'],
  ['0 0 */31 * *', 'a step between 1 and 31 is 1 to 30'],
  ['0 0 * * */7', 'a step between 0 and 6 is 1 to 6'],
  ['*/0 * * * *', 'a step between 0 and 59 is 1 to 59'],
  ['0 22-6 * * *', '"22-6" is no hour of a schedule: a range goes upwards ("22-23,0-6")'],
  ['0 0 * * fri-mon', 'a range goes upwards ("fri-6,0-mon")'],
  ['0 0 * * fri-sun', ''],
  ['0 0 * * 1-7', ''],
  ['0 0 * * 7', ''],
  ['0 0 * * 8', '"8" is no day of week of a schedule'],
  ['0 0 * * Monday', '(did you mean "mon"?)'],
  ['0 0 1 june-sept *', '(did you mean "jun"?)'],
  ['0 0 L * *', '"?", "L", "W" and "#" are not read'],
  ['0 0 15W * *', '"?", "L", "W" and "#" are not read'],
  ['0 0 ? * mon', '"?", "L", "W" and "#" are not read'],
  ['0 0 * * 1#2', '"?", "L", "W" and "#" are not read'],
  ['0 0 * * 1,', '"1," is no day of week'],
  ['-5 * * * *', '"-5" is no minute'],
  ['1.5 * * * *', '"1.5" is no minute'],
  ['@daily', 'write "0 0 * * *" for "@daily"'],
  ['@reboot', 'five fields (minute hour day month weekday), "@reboot" has 1'],
  ['constructor', '"constructor" has 1'],
  ['0 0 9 * * ? 2026', 'has 7; it has no seconds, years or time zone'],
  ['', 'a schedule has five fields'],
])('a schedule is reported when it cannot be read or never occurs: %s', (cron, says) => {
  const told = errors(`model: opus\non: { schedule: "${cron}" }\nsteps: { a: { prompt: x } }`);
  if (says === '') expect(told).toBe('');
  else expect(told).toContain(says);
});

test.each(['con', 'aux', 'lpt1'])(
  'a schedule has no channel %s: no clone could have it',
  (name) => {
    expect(
      errors(
        `model: opus\non: { schedule: "0 9 * * 1", channel: ${name} }\nsteps: { a: { prompt: x } }`,
      ),
    ).toContain(`"${name}" is a name that Windows keeps for itself`);
  },
);

test.each<[string, string]>([
  ['uses: nothere', 'there is no saved workflow "nothere" (data/workflows/nothere.md)'],
  ['uses: saved', 'the input "goal" of "saved" is missing'],
  ['uses: saved, with: { gaol: x, goal: y }', '"saved" has no input "gaol" (did you mean "goal"?)'],
  ['uses: saved, with: { goal: [1] }', 'the input "goal" of "saved" must be a string'],
  ['uses: saved, with: { goal: "${{ run.id }}" }', ''],
  ['uses: loop', 'these workflows use each other: loop → loop'],
  ['uses: maybe', ''],
])('a child run is checked against the workflow that it runs: %s', (step, says) => {
  const texts = new Map([
    ['loop', '---\nsteps: { a: { uses: loop } }\n---\n'],
    ['maybe', '---\nsteps: { a: { uses: maybe, if: "${{ run.usd > 1 }}" } }\n---\n'],
  ]);
  const told = checkWorkflow(`---\nsteps: { a: { ${step} } }\n---\n`, {
    ...OPTIONS,
    savedWorkflow: (name) => texts.get(name) ?? OPTIONS.savedWorkflow(name),
  }).errors.map(
    ({ message, suggestion }) => `${message}${suggestion === null ? '' : ` (${suggestion})`}`,
  );
  expect(told).toEqual(says === '' ? [] : [says]);
});

test('choices and options are one thing, for inputs and for gates; a group has a model and defaults', () => {
  const plan = (
    word: string,
  ): string => `inputs: { where: { type: choice, ${word}: [here, there] }, n: { type: integer } }
steps:
  all:
    model: opus
    defaults: { timeout-minutes: 3, effects: none }
    steps: { a: { prompt: x }, b: { prompt: y, model: gpt } }
  ask: { needs: [all], ask: { title: "Where?", kind: choose, ${word}: [here, there] } }`;
  expect(errors(plan('choices'))).toBe('');
  expect(errors(plan('options'))).toBe('');
  const { plan: made } = checkWorkflow(`---\n${plan('options')}\n---\n`, OPTIONS);
  const [all] = made?.steps ?? [];
  const inner = all?.body.kind === 'group' ? all.body.steps : [];
  expect(
    inner.map(({ body }) => body.kind === 'prompt' && [body.models, body.timeoutMinutes]),
  ).toEqual([
    [['opus'], 3],
    [['gpt'], 3],
  ]);
  expect(
    errors(
      'model: opus\ninputs: { a: { type: choice, options: [x], choices: [y] } }\nsteps: { a: { prompt: x } }',
    ),
  ).toContain('"options" is another word for "choices"');
});

const ONE = (step: string): string => `model: opus\nsteps:\n  a: ${step}`;
const TWO = (step: string): string => `${ONE('{ prompt: x }')}\n  b: { needs: [a], ${step} }`;

// What `check` passes runs: each of these passed once, and its run stood still or asked in vain.
test.each<[string, string]>([
  [ONE('{ models: [opus, opus], prompt: x }'), '"opus" appears twice'],
  [ONE('{ prompt: x, project: My Shop }'), '"project" must be a name'],
  [ONE('{ prompt: x, as: ../../etc/passwd }'), '"as" must be a path in the transport'],
  [ONE('{ prompt: x, as: nobody }'), 'there is no persona "nobody"'],
  [ONE('{ prompt: x, isolate: worktree }'), 'needs a "project"'],
  [ONE('{ prompt: x, project: s, isolate: worktree, branch: "a..b" }'), 'not a name of a branch'],
  [ONE('{ prompt: x, project: s, isolate: worktree, branch: main }'), 'never used by agents'],
  [`dispatch_host: My Laptop\n${ONE('{ prompt: x }')}`, '"dispatch_host" must be a name'],
  [ONE('{ prompt: x, retry: { on: [timeot] } }'), 'did you mean "timeout"?'],
  [ONE('{ prompt: x, timeout-minutes: 0 }'), 'leaves no time'],
  [ONE('{ prompt: "" }'), 'the prompt is empty'],
  [ONE(`{ prompt: x, each: [${'1, '.repeat(1_000)}1] }`), 'gives 1001 items'],
  [ONE('{ prompt: x, count: 2, join: { model: gpt, min: 3 } }'), 'at most 2 answers'],
  [ONE('{ prompt: x, schema: { type: 5 } }'), 'schema.type must be text'],
  [ONE('{ prompt: x, schema: { enum: a } }'), 'schema.enum must be a list'],
  [ONE('{ prompt: x, schema: { type: number, minimum: "3" } }'), 'schema.minimum must be a number'],
  [ONE('{ prompt: x, schema: { minItems: 3, maxItems: 1 } }'), 'minItems is more than maxItems'],
  [ONE('{ prompt: x, schema: { type: int } }'), 'did you mean "integer"?'],
  [ONE('{ wait: { event: "" } }'), '"wait" says nothing to wait for'],
  [ONE('{ wait: { for: } }'), '"wait" says nothing to wait for'],
  [ONE('{ wait: { until: "${{ run.usd }}" } }'), '"until" must be a time, found a number'],
  [ONE('{ ask: { kind: choose, choices: [a, A] } }'), '"A" appears twice'],
  [ONE('{ ask: { kind: choose, choices: ["", b] } }'), 'not a line that anybody can answer with'],
  [ONE('{ ask: { approvers: [ada, Ada], quorum: 2 } }'), 'can never be reached'],
  [ONE('{ ask: { approvers: [] } }'), 'nobody could answer'],
  [ONE('{ foreach: [1], prompt: x }'), 'did you mean "each"?'],
  [ONE('{ prompt: x, depends-on: [b] }'), 'did you mean "needs"?'],
  [ONE('{ ask: { on-timeout: deny } }'), 'needs "timeout-minutes"'],
  [ONE('{ ask: { kind: input, timeout-minutes: 1, on-timeout: approve } }'), 'gives no answer'],
  [`inputs: { a: { choices: [x] } }\n${ONE('{ prompt: x }')}`, 'needs "type: choice"'],
  [
    `on: { schedule: "0 9 * * 1" }\ninputs: { a: { required: true } }\n${ONE('{ prompt: x }')}`,
    'a schedule gives no inputs',
  ],
  ['model: opus\nsteps:\n  con: { prompt: x }', '"con" is a name that Windows keeps for itself'],
  [
    'model: opus\nsteps:\n  ab: { prompt: x, needs: [a] }\n  a: { prompt: x, needs: [ab] }',
    'ab → a → ab',
  ],
])('what would not run is reported before it starts: %j: %s', (yaml, says) => {
  expect(strict(yaml)).toContain(says);
});

function strict(yaml: string): string {
  const options = { ...OPTIONS, personas: ['data/personas/reviewer.md'] };
  return checkWorkflow(`---\n${yaml}\n---\n`, options)
    .errors.map(({ message, suggestion }) => `${message} (${suggestion ?? ''})`)
    .join('\n');
}

// A wrong form is told with the right one.
test.each<[string, string]>([
  [ONE('{ uses: data/workflows/Saved.md }'), 'did you mean "saved"?'],
  ['uses: saved.md', 'did you mean "saved"?'],
  [ONE('{ prompt: x, retry: 3 }'), 'retry: { max: 3 }'],
  [ONE('{ wait: 2h }'), 'wait: { for: "2h" }'],
  [ONE('{ ask: "Publish?" }'), 'ask: { title: "Publish?" }'],
  [ONE('do it'), 'a: { prompt: "do it" }'],
  [`budget: 5\n${ONE('{ prompt: x }')}`, 'budget: { usd: 5 }'],
  [`budget: { usd: $5 }\n${ONE('{ prompt: x }')}`, 'usd: 5'],
  [`fail-fast: yes\n${ONE('{ prompt: x }')}`, 'fail-fast: true'],
  [`inputs: { a: string }\n${ONE('{ prompt: x }')}`, 'a: { type: "string" }'],
  [`inputs: { a: { type: int } }\n${ONE('{ prompt: x }')}`, 'did you mean "integer"?'],
  [ONE('{ prompt: x, timeout-minutes: 5 minutes }'), 'timeout-minutes: 5'],
  [ONE('{ prompt: x, timeout-minutes: 2h }'), 'timeout-minutes: 120'],
  [ONE('{ prompt: x, timeout: 5 }'), 'did you mean "timeout-minutes"?'],
  [ONE('{ prompt: x, timeout-minutes: .nan }'), '"timeout-minutes" is neither'],
  [ONE('{ wait: { for: 5 minutes } }'), 'for: 5m'],
  [
    ONE('{ ask: { kind: choose, choices: [1, 2] } }'),
    'found item 1: number "1" (in quotes: ["1", "2"])',
  ],
  [ONE('{ ask: { approvers: "ada, bob" } }'), 'a list: [ada, bob]'],
  [ONE('{ ask: { approvers: [ada@example.org] } }'), '(ada)'],
  ['model: "opus, gpt"\nsteps: { a: { prompt: x } }', 'a list: [opus, gpt]'],
  [TWO('needs: "a, c", prompt: x').replace('needs: [a], ', ''), 'a list: [a, c]'],
  [TWO('prompt: x, if: "steps.a.failed and true"'), '"and" is "&&"'],
  [TWO('prompt: x, if: "not steps.a.failed"'), '"not" is "!"'],
  [TWO('prompt: x, if: "steps.a.failed = true"'), 'equality is "=="'],
  [TWO('prompt: x, if: "steps.a.status == “failed”"'), 'straight quotes'],
  [TWO('prompt: x, if: "{{ steps.a.failed }}"'), 'an expression is written inside ${{ }}'],
  [TWO('prompt: x, if: "${{ steps.a.failed }} == true"'), '${{ steps.a.failed == true }}'],
  [TWO('prompt: x, if: "steps.a.status == \'success\'"'), 'it never is "success"; it is one of'],
  [TWO('prompt: "{{ steps.a.text }}"'), 'is written ${{ steps.a.text }}'],
  [TWO('prompt: "${ steps.a.text }"'), 'is written ${{ steps.a.text }}'],
  [TWO('prompt: "${{ a.text }}"'), 'did you mean "steps.a"?'],
  [TWO('prompt: "${{ steps.a.list.text }}"'), 'write "[].text"'],
  [TWO('prompt: "${{ tojson(steps.a.list) }}"'), 'did you mean "toJSON"?'],
])('a wrong form is reported with the right one: %j: %s', (yaml, says) => {
  expect(strict(yaml)).toContain(says);
});

test.each([
  ONE('{ ask: { approvers: [Ada Lovelace, "@bob"], quorum: 2 } }'),
  ONE('{ prompt: x, as: reviewer }'),
  ONE('{ prompt: "Templates of handlebars: {{ name }} and ${HOME}" }'),
  ONE('{ prompt: x, each: [] }'),
])('what is odd but right passes: %j', (yaml) => {
  expect(strict(yaml)).toBe('');
});

test('an open run keeps a plan that would not begin today', () => {
  const raw = { model: 'opus', steps: { con: { models: ['opus', 'opus'], prompt: '' } } };
  const { problems } = checkRaw(raw, { models: null, served: new Map() }, () => ({ line: 0 }));
  expect(problems).toEqual([]);
});
