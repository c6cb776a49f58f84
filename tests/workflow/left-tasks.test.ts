/** Tasks that were asked when the run stood otherwise: what they began with is gone by a retry. */
import { expect, test } from 'vitest';
import { describeRun } from '../../src/workflow/view/describe.ts';
import {
  complete,
  drive,
  inputOf,
  openTasks,
  post,
  settle,
  subjects,
  world,
  type World,
} from './drive.ts';

const WHEN_FAILED = `if: "\${{ steps.a.status == 'failed' }}", prompt: y`;
const ALONE = `model: opus
steps:
  a: { prompt: x }
  b: { needs: [a], ${WHEN_FAILED} }`;

/** A run whose `a` has failed at first, with a task of `b` at work because of that. */
function leftAtWork(yaml: string): World {
  const at = world(yaml, ({ step, time }) => {
    if (step === 'b') return null;
    return step === 'a' && time === 1 ? { failed: 'model' } : 'ok';
  });
  drive(at);
  const [left] = openTasks(at);
  expect(openTasks(at).map(({ step }) => step)).toEqual(['b']);
  at.answer = ({ path }) => (path === left?.path ? null : 'ok');
  return at;
}

test.each([
  ['whose "if" no longer holds', ALONE],
  [
    'in a group, whose "if" no longer holds',
    `model: opus
steps:
  g:
    steps:
      a: { prompt: x }
      b: { needs: [a], ${WHEN_FAILED} }`,
  ],
  [
    'of an item that is gone',
    `model: opus
steps:
  a: { each: [1], prompt: x, continue-on-error: true }
  b: { needs: [a], each: "\${{ steps.a.list }}", prompt: y }`,
  ],
  [
    'of a pass that is not needed any more',
    `model: opus
steps:
  work:
    repeat: { until: "\${{ steps.a.status == 'succeeded' }}", max: 3 }
    steps:
      a: { prompt: x, continue-on-error: true }
      b: { needs: [a], if: "\${{ loop.n > 1 }}", prompt: y }`,
  ],
  [
    'of "finally", whose "if" no longer holds',
    `model: opus\nsteps:\n  a: { prompt: x }\nfinally:\n  b: { ${WHEN_FAILED} }`,
  ],
])('a task %s after a retry is closed before the run ends, and counted', (_, yaml) => {
  const at = leftAtWork(yaml);
  const [left] = openTasks(at);
  const replied = left!.path.replace(/\.md$/, '.re.opus.md');
  post(at, 'op: retry');
  expect(drive(at)).not.toBeNull();
  expect(at.files.get(replied)).toContain('error: cancelled');
  const asked = [...at.files.keys()].filter((path) => /\/task(\.\d+)?\.md$/.test(path));
  expect(complete(at)).toMatchObject({ status: 'succeeded', tasks: asked.length });
});

test('a task that may be wanted again stays while what it hangs on is asked again', () => {
  const at = leftAtWork(ALONE);
  at.answer = ({ step }) => (step === 'a' ? { failed: 'model' } : null);
  post(at, 'op: retry');
  drive(at);
  expect(openTasks(at).map(({ step }) => step)).toEqual(['b']);
  at.answer = () => 'ok';
  expect(drive(at)).toContain('The run failed');
  expect(complete(at)).toMatchObject({ tasks: 3, succeeded: 1, failed: 2 });
});

test('until it is answered it keeps its place below max-parallel, and counts for the budget', () => {
  const at = leftAtWork(`max-parallel: 1\n${ALONE}`);
  post(at, 'op: retry');
  settle(at);
  expect(openTasks(at).map(({ step }) => step)).toEqual(['b']);
  expect(describeRun(inputOf(at)).budget).toMatchObject({ agents: 2 });
  at.answer = () => 'ok';
  drive(at);
  expect(at.asked.map(({ step }) => step)).toEqual(['a', 'b', 'a']);
  expect(complete(at)).toMatchObject({ status: 'succeeded', tasks: 3, usd: 0.3 });
});

test('cancelling the run closes it, too', () => {
  const at = leftAtWork(ALONE);
  at.answer = () => null;
  post(at, 'op: retry');
  settle(at);
  expect(openTasks(at)).toHaveLength(2);
  post(at, 'op: cancel');
  settle(at);
  expect(openTasks(at)).toEqual([]);
  expect(complete(at)).toMatchObject({ status: 'cancelled', tasks: 3, failed: 1, cancelled: 2 });
  expect(subjects(at)).toContain('cancel b');
});
