import fc from 'fast-check';
import { expect, test } from 'vitest';
import { displayWidth } from '../../src/base/display-width.ts';
import { hasUnsafe } from '../../src/base/plain-text.ts';
import { composeCommitMessage, requireMessage } from '../../src/cli/talk/compose-message.ts';
import { tellMarker } from '../../src/workflow/language/marker.ts';
import { tellTransition } from '../../src/workflow/run/tell-transition.ts';
import { drive, inputOf, post, type World, world } from './drive.ts';

const told = (at: World) => at.commits.map((commit) => tellTransition(inputOf(at), commit));
/** Subjects without their beginning, which is the same for all. */
const saidIn = (at: World): readonly string[] =>
  told(at).map(({ subject }) => subject.replace(`${at.run}: `, ''));

test('git log says what is asked of whom, who decided what, and the answer that came back', () => {
  const at = world(
    'model: opus\nsteps:\n  plan: { prompt: plan it }\n  ship: { needs: [plan], ask: { title: "Ship?" } }\n  go: { needs: [ship], prompt: go }',
    ({ step }) => (step === 'go' ? '# Done\n\nAll of it.' : 'the plan'),
  );
  drive(at);
  post(at, `re: data/channels/${at.run}/gates/ship/ask.md`, 'approve, but be quick');
  drive(at);
  expect(saidIn(at)).toEqual([
    'start',
    'ask opus (plan)',
    'ask maintainer (ship): Ship?',
    'decided (ship): approve, by maintainer',
    'ask opus (go)',
    'done: Done',
  ]);
  expect(told(at)[3]?.text).toBe('approve, but be quick');
  expect(told(at).at(-1)).toMatchObject({
    text: '# Done\n\nAll of it.',
    trailers: [
      ['Re', '01JD0000000000000000000000'],
      ['Channel', 'general'],
      ['Run', at.run],
      ['Transition', 'route (succeeded)'],
      ['Bookkeeping', null],
    ],
  });
});

test('git log says why something is asked again, and why a run failed', () => {
  const prose =
    '---\nto: workflow\nfrom: maintainer\ntype: workflow\ncompile: { model: opus }\n---\nCompare.\n';
  // What an answer says of itself is not what the log tells of it.
  const claim = '\nWhat is wrong with it:\n\n- nothing\n\nAnswer again, completely.\n';
  const at = world(prose, () => `{"steps": {"a": {"prompt": "x", "model": "nobody"}}}${claim}`);
  drive(at);
  expect(told(at)[2]?.text).toMatch(/^- there is no model "nobody" in this transport/);
  expect(saidIn(at).at(-1)).toMatch(/^failed: plan: the answer of opus cannot be used/);
});

test('a long answer is cut, and no subject is longer than a line', () => {
  const text = Array.from(
    { length: 60 },
    (_, index) => `line ${String(index)} ${'x'.repeat(80)}`,
  ).join('\n');
  const at = world('model: opus\nsteps:\n  a: { prompt: x }', () => text);
  drive(at);
  const last = told(at).at(-1);
  expect(displayWidth(last?.subject ?? '')).toBeLessThanOrEqual(80);
  expect(last?.text.split('\n')).toHaveLength(21);
});

test('tasks of one commit are named by whom they ask, each name once', () => {
  const at = world(
    'steps:\n  vote: { prompt: x, model: opus, count: 3 }\n  merge: { needs: [vote], if: "${{ false }}", prompt: x, model: opus }',
    () => 'yes',
  );
  drive(at);
  expect(saidIn(at)).toContain('ask opus ×3 (vote)');
  expect(saidIn(at)).toContain('skip merge (if: false)');
});

test('any words make one plain line of at most 80 columns that keeps the end of the run', () => {
  const at = world('model: opus\nsteps:\n  a: { prompt: x }', () => '');
  const words = fc.oneof(
    fc.string({ unit: 'grapheme', maxLength: 300 }),
    fc.constantFrom('界'.repeat(90), 'a\nb', '\u001b[31mred', '👩‍👩‍👧'.repeat(60)),
  );
  fc.assert(
    fc.property(words, fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,63}$/), (said, run) => {
      const transition = { name: 'skip a', words: said, files: [] };
      const { subject } = tellTransition({ ...inputOf(at), run }, transition);
      expect(displayWidth(subject)).toBeLessThanOrEqual(80);
      expect(hasUnsafe(subject)).toBe(false);
      expect(subject).toContain(run.slice(-11));
    }),
  );
});

/** The subject of a commit that starts a workflow with this head and body. */
function subjectOf(head: string, body = ''): string {
  const content = `---\nto: workflow\ntype: workflow\n${head}\n---\n${body}`;
  const message = requireMessage('x.md', Buffer.from(content));
  const who = { from: 'ada', to: 'workflow', channel: 'general', said: tellMarker(message) };
  const letter = { path: 'data/channels/general/x.md', content, message };
  return composeCommitMessage(letter, who).split('\n')[0] ?? '';
}

test.each([
  ['uses: review3\nwith: { topic: leases }', '', 'ada → workflow: review3 (topic: leases)'],
  ['uses: review3', '', 'ada → workflow: review3'],
  ['name: mine\nsteps: { a: { value: 1 } }', '', 'ada → workflow: mine'],
  [
    'uses: r\nwith: { a: 1, b: [x], c: "", d: 2 }',
    '',
    'ada → workflow: r (a: 1, b: ["x"], c: , …)',
  ],
  ['', 'Ask two models.\nThen merge.', 'ada → workflow: Ask two models.'],
])('the start of a run is named by its workflow and inputs: %s %s', (head, body, subject) => {
  expect(subjectOf(head, body)).toBe(subject);
});

test('whatever the inputs of a run are, its start is one plain line of at most 80 columns', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.stringMatching(/^[a-z]{1,40}$/), fc.string({ unit: 'grapheme' })),
      (inputs) => {
        const subject = subjectOf(`uses: review\nwith: ${JSON.stringify(inputs)}`);
        expect(displayWidth(subject)).toBeLessThanOrEqual(80);
        expect(hasUnsafe(subject)).toBe(false);
        expect(subject).toMatch(/^ada → workflow: review/);
      },
    ),
  );
});
