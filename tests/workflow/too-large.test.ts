/** Runs that outgrow every use, or whose files nobody can carry on: each ends on its own. */
import { expect, it } from 'vitest';
import { nextTransition } from '../../src/workflow/run/engine.ts';
import { describeRun } from '../../src/workflow/view/describe.ts';
import { replyPath } from '../../src/protocol/paths.ts';
import { complete, drive, inputOf, world } from './drive.ts';

const TENFOLD = Array.from({ length: 11 }, (_, at) =>
  at === 0
    ? `  s0: { model: opus, prompt: "${'0123456789'.repeat(10)}" }`
    : `  s${at}: { model: opus, needs: s${at - 1}, prompt: "${`\${{ steps.s${at - 1}.text }}`.repeat(10)}" }`,
);

it('values that grow tenfold with every step end their run, not the host', () => {
  const at = world(`steps:\n${TENFOLD.join('\n')}`, (asked) => asked.body);
  drive(at);
  expect(complete(at)).toMatchObject({ status: 'failed' });
  expect(at.files.get(replyPath(at.marker, 'workflow'))).toContain(': an expression makes a value');
  const largest = Math.max(
    ...at.commits.flatMap(({ files }) => files.map((file) => file.content.length)),
  );
  expect(largest).toBeLessThanOrEqual(1_048_576);
  expect(describeRun(inputOf(at)).status).toBe('failed');
});

it.each([
  ['steps: 5'],
  ['steps: {a: null}'],
  ['steps: {a: {model: []}}'],
  ['steps: {a: {steps: {a: {steps: {}}}}}'],
  ['name: {}\nsteps: {a: {model: opus, prompt: [1]}}'],
  ['steps: {toString: {model: opus, needs: [constructor]}}'],
  ['steps: {__proto__: {model: opus, prompt: x}}'],
  ['steps: {a: {model: opus, prompt: x, schema: {type: [{}], properties: 7}}}'],
  ['steps: {a: {ask: {kind: choose, choices: [{}]}}}'],
  ['steps: {a: {for-each: "${{ inputs.constructor }}", model: opus, prompt: x}}'],
  ['budget: {agents: .inf}\nsteps: {a: {model: opus, prompt: x}}'],
  ['- a'],
  ['\u0000'],
])('a PLAN.yaml written by hand never throws: %j', (plan) => {
  const at = world('steps:\n  a: { model: opus, prompt: hello }', () => null);
  drive(at);
  const path = `data/channels/${at.run}/PLAN.yaml`;
  const input = inputOf(at);
  const files = new Map([...input.files, [path, plan]]);
  expect(() => nextTransition({ ...input, files })).not.toThrow();
  expect(() => describeRun({ ...input, files })).not.toThrow();
});
