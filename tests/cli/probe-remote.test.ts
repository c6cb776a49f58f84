import { expect, it } from 'vitest';
import { probeRemote } from '../../src/cli/care/probe-remote.ts';
import { createMemoryRemote, type Step } from '../support/memory-repository.ts';

/** The answers of the first `count` pushes are lost, before or after they had their effect. */
function losing(count: number, when: 'before' | 'after'): Step {
  let left = count;
  return (name, phase) => {
    if (name !== 'push' || phase !== when || left === 0) return Promise.resolve('go');
    left -= 1;
    return Promise.resolve('lost');
  };
}

const ALL = { customRefs: true, atomic: true };
const refuseOwn = ({ ref }: { readonly ref: string }): string | null =>
  ref.startsWith('refs/heads/') ? null : 'deny updating a hidden ref';

it.each([
  { name: 'every push', found: ALL },
  { name: 'a push whose answer is lost', lost: losing(1, 'after'), found: ALL },
  { name: 'a push that is lost', lost: losing(1, 'before'), found: ALL },
  { name: 'no refs of our own', policy: refuseOwn, found: { customRefs: false, atomic: true } },
  {
    name: 'no push whose answer arrives',
    lost: losing(9, 'before'),
    found: {
      refusal: 'did not say what became of a push: the remote in memory does not answer',
      isLost: true,
    },
  },
  {
    name: 'no push at all',
    policy: () => 'read-only',
    found: { refusal: 'rejects pushes: read-only', isLost: false },
  },
])('a remote that takes $name', async ({ lost: step = losing(0, 'after'), policy, found }) => {
  const remote = createMemoryRemote();
  remote.setPolicy(policy ?? (() => null));
  expect(await probeRemote(remote.open({ step }), 'n')).toEqual(found);
  expect([...remote.refs.keys()]).toEqual([]);
});
