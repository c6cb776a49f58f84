/** What `verify` says of a history, told with the few facts of a commit that it takes. */
import { expect, it } from 'vitest';
import { type CheckedChange, createChecker } from '../../src/protocol/invariants.ts';

const at = (time: string, name = 'nightly'): string =>
  `data/channels/workflows/2026/11/${time}Z-schedule-${name}.md`;

/** What is said of paths that a dispatcher adds (`-`: removes) one after the other. */
function checkAdded(paths: readonly string[], by = 'dispatcher@h0.crosstalk'): readonly string[] {
  const check = createChecker();
  return paths.flatMap((path, index) => {
    const isGone = path.startsWith('-');
    const change: CheckedChange = {
      status: isGone ? 'D' : 'A',
      path: path.slice(isGone ? 1 : 0),
      bytes: null,
    };
    const committerEmail = isGone ? 'ada@example.org' : by;
    const commit = { oid: String(index), parents: 1, committerEmail, changes: [change] };
    return check(commit).map(({ invariant, path: where }) => `${invariant} ${where ?? ''}`);
  });
}

it.each([
  ['once', [at('20/063000000'), at('21/063000000')], []],
  ['of several schedules', [at('21/063000000'), at('20/063000000', 'weekly')], []],
  ['by a person', [at('21/063000000'), at('20/063000000')], [], 'ada@example.org'],
  [
    'again after its marker was removed',
    [at('20/063000000'), `-${at('20/063000000')}`, at('20/063000000')],
    [`I13 ${at('20/063000000')}`],
  ],
  ['out of order', [at('21/063000000'), at('20/063000000')], [`I13 ${at('20/063000000')}`]],
] as const)('a schedule that is fired %s', (...[, paths, expected, by]) => {
  expect(checkAdded(paths, by)).toEqual(expected);
});
