import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { NOBODY, whoCanBeAsked } from '../../src/protocol/who-can-be-asked.ts';
import { decodeMessage } from '../../src/protocol/message.ts';
import { readMarker } from '../../src/workflow/language/marker.ts';
import { chooseCompilers, compilePrompt, readCompiled } from '../../src/workflow/run/compile.ts';
import { nextTransition } from '../../src/workflow/run/engine.ts';
import { describeRun } from '../../src/workflow/view/describe.ts';
import { drive, inputOf, post, subjects, world } from './drive.ts';

const MODELS = `models:
  zeta: { adapter: claude }
  echo: { adapter: command, command: [cat], effects: none }
  deployer: { adapter: command, command: [./deploy], effects: external }
  plain: { adapter: command, command: [./filter], effects: none, compile: false }
  asleep: { adapter: gemini }
  alpha: { adapter: codex }
`;

const UP = ['zeta', 'echo', 'deployer', 'plain', 'alpha', 'elsewhere'];

function chosen(head: string, { file = MODELS, up = UP } = {}): string {
  const read = decodeMessage(
    Buffer.from(`---\nto: workflow\nfrom: ada\ntype: workflow\n${head}\n---\nDo it.\n`),
  );
  if (read.kind === 'rejected') throw new Error(read.rejection.found);
  const made = chooseCompilers(
    readMarker(read.message),
    whoCanBeAsked({
      transport: decodeModels(file),
      beats: [{ alias: 'box', state: 'running', models: up }],
      here: null,
    }),
  );
  return made.kind === 'by' ? made.models.join(' ') : made.why;
}

test.each<[string, string, Parameters<typeof chosen>[1], string]>([
  ['nothing is said: the first of the file that can', '', {}, 'zeta'],
  ['the first is not up', '', { up: ['alpha', 'echo', 'plain', 'deployer'] }, 'alpha'],
  ['the marker says whom', 'compile: { model: [alpha, zeta] }', {}, 'alpha zeta'],
  ['the marker names one that only a host has', 'compile: { model: elsewhere }', {}, 'elsewhere'],
  ['the transport says whom', '', { file: `compile-model: alpha\n${MODELS}` }, 'alpha'],
  [
    'the marker is asked before the transport',
    'compile: { model: zeta }',
    { file: `compile-model: alpha\n${MODELS}` },
    'zeta',
  ],
  ['the model of the run, when it can', 'model: alpha', {}, 'alpha'],
  ['never the model of the run when it acts on the world', 'model: deployer', {}, 'zeta'],
  ['of several only those that are up', 'compile: { model: [asleep, alpha] }', {}, 'alpha'],
  [
    'none that was named is up',
    'compile: { model: asleep }',
    {},
    'no host that is up serves asleep ("compile:")',
  ],
  [
    'nobody can',
    '',
    { up: ['echo', 'deployer', 'plain'] },
    'no model can make a plan of this text: zeta is not served by any host that is up; echo is not an agent that could make a plan; deployer has external effects; plain is not an agent that could make a plan; asleep is not served by any host that is up; alpha is not served by any host that is up',
  ],
  [
    'all are as an older program wrote them',
    '',
    { file: 'opus: claude -p', up: [] },
    'no model can make a plan of this text: opus has the format of versions before 8',
  ],
  [
    'there is no model',
    '',
    { file: 'models: {}', up: [] },
    'no model can make a plan of this text: data/models.yaml names none',
  ],
])('who compiles: %s', (...[, head, known, expected]) => {
  expect(chosen(head, known)).toBe(expected);
});

test.each([
  ['2026/06/20/101112123Z-0a1b2c3d', true],
  ['2026/11/21/103000123Z-01KBB000000000000000000000', false],
])('a run in prose that nobody can plan waits only if an older program has it: %s', (id, waits) => {
  const text = '---\nto: workflow\ntype: workflow\nchild_channel: run-1\n---\nDo it.\n';
  const asked = inputOf(world(text));
  const lookUp = { ...asked.lookUp, compilers: NOBODY.compilers };
  const marker = { ...asked.marker, path: `data/channels/general/${id}.md` };
  const input = { ...asked, marker, lookUp };
  expect(nextTransition(input) === null).toBe(waits);
  expect(describeRun(input).blockedBy).toMatchObject([
    { kind: waits ? 'plan-refused' : 'unopened' },
  ]);
});

test('what a host runs itself is judged by its own entry, not by that of the transport', () => {
  const own = decodeModels(
    'models: { stub: { adapter: command, command: [./agent], effects: none } }',
  );
  const { compilers } = whoCanBeAsked({
    transport: decodeModels('models: { stub: { adapter: command, command: [cat] } }'),
    beats: [],
    here: { alias: 'box', models: own.models },
  });
  expect(compilers).toMatchObject({ ready: ['stub'], others: [] });
});

test('an answer that repeats its question is not a plan, whatever the task and models', () => {
  const names = fc.array(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), { maxLength: 6 });
  fc.assert(
    fc.property(fc.string({ maxLength: 80 }), names, (task, models) => {
      const prompt = compilePrompt(task, models);
      const context = { models, served: new Map(), marker: null, compiler: models[0] ?? null };
      expect(Array.isArray(readCompiled(prompt, context))).toBe(true);
      expect(Array.isArray(readCompiled(`> ${prompt.replaceAll('\n', '\n> ')}`, context))).toBe(
        true,
      );
    }),
    { numRuns: 200 },
  );
});

test.each([
  'defaults: { effects: external }\nsteps: { a: { prompt: x } }',
  'defaults: { isolate: worktree, project: p }\nsteps: { a: { prompt: x } }',
  'steps: { g: { defaults: { cache: global }, steps: { a: { prompt: x } } } }',
  'steps: { a: { prompt: x, count: 2, join: { model: opus@box } } }',
  'model: opus@box\nsteps: { a: { prompt: x } }',
])('a compiled plan cannot contain what it may not, by any route: %s', (plan) => {
  const context = { models: ['opus'], served: new Map(), marker: null, compiler: 'opus' };
  const read = readCompiled(`\`\`\`yaml\n${plan}\n\`\`\``, context);
  expect('plan' in read ? [] : read.join('; ')).toContain('a compiled plan may not');
});

const PROSE = (compile: string): string =>
  `---\nto: workflow\nfrom: maintainer\ntype: workflow\n${compile}\n---\nCompare.\n`;
const PLAN = '```yaml\nsteps: { a: { prompt: one } }\n```';

test('a plan that is to be reviewed runs when a person agrees, and not before', () => {
  const at = world(PROSE('compile: { model: gpt, review: true }'), ({ step }) =>
    step === 'plan' ? PLAN : 'done',
  );
  expect(drive(at)).toBeNull();
  expect(describeRun(inputOf(at))).toMatchObject({
    status: 'waiting-human',
    gates: [{ gate: 'plan.review', state: 'open' }],
  });
  const ask = [...at.files].find(([path]) => path.endsWith('plan.review/ask.md'));
  expect(ask?.[1]).toContain('prompt: one');
  expect(ask?.[1]).toContain('model: gpt');
  post(at, `re: ${ask?.[0] ?? ''}`, 'approve');
  expect(drive(at)).toContain('status: succeeded');
  expect(at.asked.map(({ to, step }) => `${to} ${step}`)).toEqual(['gpt plan', 'gpt a']);
});

test('a plan that is denied ends the run with what was said', () => {
  const at = world(PROSE('compile: { model: gpt, review: true }'), () => PLAN);
  drive(at);
  const ask = [...at.files.keys()].find((path) => path.endsWith('/ask.md')) ?? '';
  post(at, `re: ${ask}`, 'deny, far too small');
  expect(drive(at)).toContain('- plan: denied by maintainer: far too small');
  expect(subjects(at)).not.toContain('plan (1 step)');
});
