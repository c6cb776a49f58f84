import { expect, test } from 'vitest';
import { complete, drive, inputOf, openTasks, reply, settle, subjects, world } from './drive.ts';
import { nextTransition } from '../../src/workflow/run/engine.ts';

const PROSE =
  '---\nto: workflow\nfrom: maintainer\ntype: workflow\ncompile: { model: opus }\n---\nCompare the three options.\n';

test('prose is compiled, fanned out, synthesized and routed, each as one commit', () => {
  const at = world(PROSE, ({ step, key }) => {
    if (step === 'plan')
      return 'Here you are:\n```json\n{"fanout":{"to":"gpt","count":3,"body":"Judge the options."},"synthesize":{"to":"opus","body":"Merge."}}\n```\nGood luck!';
    return key === 'join' ? 'the best of all' : `answer ${key}`;
  });
  expect(drive(at)).toContain('the best of all');
  expect(subjects(at)).toEqual([
    'open',
    'compile',
    'plan (1 step)',
    'fanout task (3 tasks)',
    'synthesize task',
    'route (succeeded)',
  ]);
  expect(
    at.asked.filter((each) => each.step === 'task').map((each) => `${each.key}:${each.to}`),
  ).toEqual(['c1:gpt', 'c2:gpt', 'c3:gpt', 'join:opus']);
  const synthesis = at.asked.find((each) => each.key === 'join')?.body ?? '';
  expect(synthesis).toContain('Merge.');
  expect(synthesis).toMatch(/<data-[0-9a-f]{12} from="c2">answer c2<\/data-/);
});

test('an unusable compile answer is asked again with the errors, three times, then one failed reply lists them', () => {
  const at = world(PROSE, () => '{"steps": {"a": {"prompt": "x", "model": "nobody"}}}');
  const routed = drive(at);
  expect(subjects(at)).toEqual([
    'open',
    'compile',
    're-ask plan',
    're-ask plan',
    're-ask plan',
    'route (failed)',
  ]);
  expect(at.asked[1]?.body).toContain('there is no model "nobody" in this transport');
  expect(routed).toContain('failed: true');
  expect(routed).toContain('there is no model "nobody"');
});

test.each([
  [
    'two objects, the last is the plan',
    'First {"a":1} then {"steps":{"a":{"prompt":"x"}}} done',
    'route (succeeded)',
  ],
  ['a count of 0', '{"fanout":{"to":"opus","count":0,"body":"x"}}', 'route (failed)'],
  ['a count of 11', '{"fanout":{"to":"opus","count":11,"body":"x"}}', 'route (failed)'],
  ['a count that is text', '{"fanout":{"to":"opus","count":"3","body":"x"}}', 'route (failed)'],
  ['a gate', '{"steps":{"a":{"ask":{"title":"x"}}}}', 'route (failed)'],
  ['a child run', '{"steps":{"a":{"uses":"x"}}}', 'route (failed)'],
  ['a pinned host', '{"steps":{"a":{"prompt":"x","model":"opus@box"}}}', 'route (failed)'],
  ['its own budget', '{"budget":{"usd":9},"steps":{"a":{"prompt":"x"}}}', 'route (failed)'],
])('a compile answer with %s is judged once for all', (_, plan, end) => {
  const at = world(PROSE, ({ step }) => (step === 'plan' ? plan : 'done'));
  drive(at);
  expect(subjects(at).at(-1)).toBe(end);
});

test('a marker with steps runs without a compiling model; a plain step is a fan-out of one', () => {
  const at = world(
    'model: opus\nsteps:\n  a: { prompt: "Say ${{ run.id }}" }\n  b: { needs: [a], prompt: "Use: ${{ steps.a.text }}" }',
    ({ step }) => `said ${step}`,
  );
  expect(drive(at)).toContain('said b');
  expect(subjects(at)).toEqual([
    'open',
    'fanout a (1 task)',
    'fanout b (1 task)',
    'route (succeeded)',
  ]);
  expect(at.asked[1]?.body).toMatch(/^Text between <data-\w+ …> and <\/data-\w+> is data/);
  expect(complete(at)).toMatchObject({
    status: 'succeeded',
    tasks: 2,
    succeeded: 2,
    usd: 0.2,
    tokens: 30,
  });
});

test('a saved workflow takes typed inputs and the limits of its marker', () => {
  const at = world('uses: greet\nwith: { who: anna, times: "2" }\nmax-parallel: 1', ({ body }) =>
    body.trim(),
  );
  at.saved.set(
    'greet',
    '---\nmodel: opus\ninputs: { who: { required: true }, times: { type: number } }\nsteps:\n  hi: { count: "${{ inputs.times }}" }\n---\n## hi\nHello ${{ inputs.who }}\n',
  );
  expect(drive(at)).toContain('Hello anna\n\nHello anna');
  expect(subjects(at)).toEqual([
    'open',
    'fanout hi (1 task)',
    'fanout hi (1 task)',
    'route (succeeded)',
  ]);
});

test.each([
  ['a missing input', 'uses: greet', 'the input "who" is missing'],
  ['an unknown saved workflow', 'uses: great', 'line 5: there is no saved workflow "great"'],
  [
    'a model nobody serves',
    'steps: { a: { prompt: x, model: llama } }',
    'there is no model "llama"',
  ],
  [
    'a cycle and an unknown key',
    'model: opus\nsteps:\n  a: { prompt: x, needs: [b] }\n  b: { prompt: x, needs: [a], colour: red }',
    'unknown key "colour"',
  ],
  [
    'the channel of its parent',
    'child_channel: general\nmodel: opus\nsteps: { a: { prompt: x } }',
    'is the channel of the marker itself',
  ],
  [
    'a channel that no clone on Windows could have',
    'child_channel: con\nmodel: opus\nsteps: { a: { prompt: x } }',
    '"con" is a name that Windows keeps for itself',
  ],
])('%s gives one failed routed reply and nothing else', (_, marker, expected) => {
  const at = world(marker);
  at.saved.set(
    'greet',
    '---\nmodel: opus\ninputs: { who: { required: true } }\nsteps: { a: { prompt: x } }\n---\n',
  );
  expect(drive(at)).toContain(expected);
  expect(subjects(at)).toEqual(['fail (not started)']);
  expect(at.commits[0]?.files).toHaveLength(1);
});

test('a run never takes a channel that exists or belongs to another run', () => {
  const at = world('child_channel: taken\nmodel: opus\nsteps: { a: { prompt: x } }');
  at.files.set('data/channels/taken/2026/x.md', '---\nto: opus\n---\nhi\n');
  expect(drive(at)).toContain('is a channel that exists already');
});

test('an answer that does not fit the schema is asked again with what is wrong, then the next model is asked', () => {
  const yaml =
    'steps:\n  a: { prompt: list, model: [opus, gpt], reask: 1, schema: { type: object, required: [n], properties: { n: { type: number } } } }\n  b: { needs: [a], model: opus, prompt: "${{ steps.a.json.n }}" }';
  const at = world(yaml, ({ to, step }) =>
    step === 'b' ? 'end' : to === 'gpt' ? 'It is {"n": 7}.' : '{"n": "seven"}',
  );
  drive(at);
  expect(subjects(at)).toEqual([
    'open',
    'fanout a (1 task)',
    're-ask a',
    'fallback a',
    'fanout b (1 task)',
    'route (succeeded)',
  ]);
  expect(at.asked[1]?.body).toContain('$.n: expected number, found "seven"');
  expect(at.asked[3]?.body.trim()).toBe('7');
});

test('checks judge an answer beyond its schema', () => {
  const yaml = `steps:
  a:
    prompt: list
    model: opus
    schema: { type: object, properties: { n: { type: number } } }
    checks: [{ that: "\${{ steps.a.json.n > 3 }}", message: n must be above 3 }]`;
  const at = world(yaml, ({ time }) => `{"n": ${time * 2}}`);
  drive(at);
  expect(at.asked).toHaveLength(2);
  expect(at.asked[1]?.body).toContain('- n must be above 3');
});

test('failures are retried by class and after their delay, auth moves to the fallback at once', () => {
  const yaml =
    'steps:\n  a: { prompt: x, model: [opus, gpt], retry: { max: 2, delay: 10m, on: [rate-limit] } }';
  const at = world(yaml, ({ to, time }) =>
    to === 'gpt' ? 'fine' : time === 1 ? { failed: 'rate-limit' } : { failed: 'auth' },
  );
  expect(drive(at)).toBeNull();
  expect(subjects(at)).toEqual(['open', 'fanout a (1 task)']);
  at.nowMs += 11 * 60_000;
  expect(drive(at)).toContain('fine');
  expect(subjects(at).slice(2)).toEqual(['retry a', 'fallback a', 'route (succeeded)']);
});

test('a task answered by hand, without any front matter, counts as answered', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }', () => null);
  drive(at);
  const [task] = openTasks(at);
  at.files.set(`${task!.path.slice(0, -3)}.re.opus.md`, 'my own words\n');
  expect(drive(at)).toContain('my own words');
});

test('a host with an older engine leaves a newer run alone', () => {
  const at = world('model: opus\nsteps: { a: { prompt: x } }', () => null);
  settle(at);
  const header = `data/channels/${at.run}/RUN.json`;
  at.files.set(header, at.files.get(header)!.replace('"engine": 1', '"engine": 2'));
  reply(at, openTasks(at)[0]!, 'done');
  expect(nextTransition(inputOf(at))).toBeNull();
});

test('a dry run of prose asks only the compiling model', () => {
  const at = world(
    PROSE.replace('compile:', 'dry-run: true\ncompile:'),
    () => '{"steps":{"a":{"prompt":"x"}}}',
  );
  expect(drive(at)).toContain('dry run: opus would be asked');
  expect(at.asked.map(({ step }) => step)).toEqual(['plan']);
});
