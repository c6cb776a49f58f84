import { expect, test } from 'vitest';
import { tellTransition } from '../../src/workflow/run/tell-transition.ts';
import { drive, inputOf, post, type World, world } from './drive.ts';

const told = (at: World) => at.commits.map((commit) => tellTransition(inputOf(at), commit));
/** Subjects without their beginning, which is the same for all. */
const saidIn = (at: World): readonly string[] =>
  told(at).map(({ subject }) => subject.replace(`workflow ${at.run}: `, ''));

test('git log says what is asked of whom, who decided what, and the answer that came back', () => {
  const at = world(
    'model: opus\nsteps:\n  plan: { prompt: plan it }\n  ship: { needs: [plan], ask: { title: "Ship?" } }\n  go: { needs: [ship], prompt: go }',
    ({ step }) => (step === 'go' ? '# Done\n\nAll of it.' : 'the plan'),
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ship/ask.md`, 'approve, but be quick');
  drive(at);
  expect(saidIn(at)).toEqual([
    'open',
    'fanout plan (1 task)',
    'ask ship: Ship? (maintainer)',
    'decide ship (approve): maintainer',
    'fanout go (1 task)',
    'route (succeeded): Done',
  ]);
  expect(told(at)[3]?.text).toBe('approve, but be quick');
  expect(told(at).at(-1)).toMatchObject({
    text: '# Done\n\nAll of it.',
    trailers: [
      ['Re', '01JD0000000000000000000000'],
      ['Channel', 'general'],
      ['Run', at.run],
    ],
  });
});

test('git log says why something is asked again, and why a run failed', () => {
  const prose =
    '---\nto: workflow\nfrom: maintainer\ntype: workflow\ncompile: { model: opus }\n---\nCompare.\n';
  const at = world(prose, () => '{"steps": {"a": {"prompt": "x", "model": "nobody"}}}');
  drive(at);
  expect(told(at)[2]?.text).toMatch(/^- there is no model "nobody" in this transport/);
  expect(saidIn(at).at(-1)).toMatch(/^route \(failed\): plan: the answer of opus cannot be used/);
});

test('a long answer is cut, and no subject is longer than a line', () => {
  const text = Array.from(
    { length: 60 },
    (_, index) => `line ${String(index)} ${'x'.repeat(80)}`,
  ).join('\n');
  const at = world('model: opus\nsteps:\n  a: { prompt: x }', () => text);
  drive(at);
  const last = told(at).at(-1);
  expect(last?.subject.length).toBeLessThanOrEqual(100);
  expect(last?.text.split('\n')).toHaveLength(21);
});
