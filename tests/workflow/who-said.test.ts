import { expect, test } from 'vitest';
import { nameOf, speakerOf } from '../../src/protocol/who-said.ts';
import { describeRun } from '../../src/workflow/view/describe.ts';
import { complete, drive, inputOf, post, type World, world } from './drive.ts';

const ADA = { name: 'Ada Lovelace', email: 'ada@example.org' };
const BOB = { name: 'Bob', email: 'bob@example.org' };
const GITHUB = { name: 'GitHub', email: 'noreply@github.com' };

test.each([
  ['who committed', ADA, ADA, 'ada-lovelace'],
  ['not who is named as the author', BOB, ADA, 'ada-lovelace'],
  ['the author of what was written in the browser of a forge', BOB, GITHUB, 'bob'],
])('whose word a file is: %s', (...[, author, committer, name]) => {
  const speaker = speakerOf({ author, committer, authoredMs: 1 });
  expect(speaker?.name).toBe(name);
});

test('a name in "from:" counts when it is one of those who committed', () => {
  const speaker = speakerOf({ author: ADA, committer: ADA, authoredMs: 1 });
  if (speaker === null) throw new Error('nobody');
  expect(nameOf(speaker, 'ada')).toBe('ada');
  expect(nameOf(speaker, 'bob')).toBe('ada-lovelace');
  expect(nameOf(speaker, null)).toBe('ada-lovelace');
});

test('a dispatcher speaks for nobody', () => {
  const committer = { name: 'crosstalkd', email: 'dispatcher@box.crosstalk' };
  expect(speakerOf({ author: ADA, committer, authoredMs: 1 })).toBeNull();
});

const GATED = (ask: string): World =>
  world(
    `model: opus\nsteps:\n  ok: { ask: { title: "Go?", ${ask} } }\n  a: { needs: [ok], prompt: x }`,
  );
const gateOf = (at: World): string => `data/channels/${at.run}/gates/ok/`;

test('three names in files of one committer are one vote', () => {
  const at = GATED('approvers: [ada, bob, carol], quorum: 3');
  drive(at);
  for (const name of ['ada', 'bob', 'carol']) {
    const path = post(at, `re: ${gateOf(at)}ask.md`, 'approve');
    at.files.set(path, (at.files.get(path) ?? '').replace('from: maintainer', `from: ${name}`));
    at.authors.set(path, 'ada');
  }
  expect(drive(at)).toBeNull();
  expect(describeRun(inputOf(at)).gates).toMatchObject([{ received: 1, state: 'open' }]);
  for (const name of ['bob', 'carol'])
    at.authors.set(post(at, `re: ${gateOf(at)}ask.md`, 'yes'), name);
  expect(drive(at)).toContain('status: succeeded');
});

test('a decision is written with who made it and when, also by a bare file and without "from:"', () => {
  const at = GATED('approvers: [ada]');
  drive(at);
  const path = `data/channels/${at.run}/2026/11/21/answer.md`;
  at.files.set(path, `---\nto: workflow\nre: ${gateOf(at)}ask.md\n---\napprove\n`);
  at.authors.set(path, 'ada');
  expect(drive(at)).toContain('status: succeeded');
  const decision = JSON.parse(at.files.get(`${gateOf(at)}decision.json`) ?? '{}') as object;
  expect(decision).toMatchObject({ by: ['ada'], answers: [path] });
});

test.each([
  ['without any answers', { decision: 'approve', by: ['ada'], answers: [], text: '' }],
  ['with answers that do not stand', { decision: 'approve', by: ['ada'], answers: ['data/x.md'] }],
  [
    'that says it was taken over, in a run that is not a fork',
    { decision: 'approve', reused: 'data/channels/x/gates/ok/decision.json' },
  ],
  [
    'that a timeout would not have made',
    { decision: 'approve', by: [], answers: [], text: 'nobody answered' },
  ],
])('a decision written by hand is ignored: %s', (_, decision) => {
  const at = GATED('approvers: [ada], timeout-minutes: 5, on-timeout: deny');
  drive(at);
  at.files.set(
    `${gateOf(at)}decision.json`,
    JSON.stringify({ ...decision, timestamp: '2026-11-21T06:00:00Z' }),
  );
  at.checked.set(`${gateOf(at)}decision.json`, at.files.get(`${gateOf(at)}decision.json`) ?? '');
  expect(drive(at)).toBeNull();
  expect(complete(at)).toBeNull();
  const { gates, status } = describeRun(inputOf(at));
  expect({ gates, status }).toMatchObject({
    status: 'waiting-human',
    gates: [{ state: 'open', isVoid: true }],
  });
});

test('a decision that names a no as a yes is ignored', () => {
  const at = GATED('approvers: [ada, bob], quorum: 2');
  drive(at);
  const path = post(at, `re: ${gateOf(at)}ask.md`, 'hm');
  at.authors.set(path, 'ada');
  const text = JSON.stringify({ decision: 'approve', by: ['ada'], answers: [path] });
  at.files.set(`${gateOf(at)}decision.json`, text);
  at.checked.set(`${gateOf(at)}decision.json`, text);
  expect(drive(at)).toBeNull();
});

test.each<[string, string, string, string | null]>([
  ['a word of it first', 'both, please', 'message', 'both'],
  ['in capitals with a full stop', 'BOTH.', 'message', 'both'],
  ['the longer of two', 'left side it is', 'message', 'left side'],
  ['a word that only begins so', 'leftover', 'message', null],
  ['in a bare file "approve"', 'both\n', 'approve', 'both'],
  ['an empty bare file', '', 'approve', null],
])('a choice is taken from what people write: %s', (...[, body, where, chosen]) => {
  const at = GATED('kind: choose, options: [left, left side, both]');
  drive(at);
  if (where === 'message') post(at, `re: ${gateOf(at)}ask.md`, body);
  else {
    at.files.set(`${gateOf(at)}approve`, body);
    at.authors.set(`${gateOf(at)}approve`, 'ada');
  }
  drive(at);
  expect(describeRun(inputOf(at)).gates[0]?.decision ?? null).toBe(chosen);
});

test('an input gate takes the words of a bare file', () => {
  const at = GATED('kind: input');
  drive(at);
  at.files.set(`${gateOf(at)}approve`, 'forty-two');
  at.authors.set(`${gateOf(at)}approve`, 'ada');
  expect(drive(at)).toContain('status: succeeded');
});

test.each([
  [
    'failed',
    'steps:\n  a: { prompt: q }\n  b: { needs: [a], prompt: r }',
    ['a: crash: it did not work', 'not run: b'],
  ],
  [
    'degraded',
    'steps:\n  a: { prompt: q, continue-on-error: true }',
    ['a: crash: it did not work'],
  ],
])('the answer that a run gave to its marker is not a reason why it %s', (status, steps, notes) => {
  const at = world(`model: opus\n${steps}`, () => ({ failed: 'crash' }));
  expect(drive(at)).toContain(`status: ${status}`);
  const { endedBy } = describeRun(inputOf(at));
  expect(endedBy.map(({ of, text }) => `${of ?? 'run'}: ${text}`)).toEqual(notes);
});
