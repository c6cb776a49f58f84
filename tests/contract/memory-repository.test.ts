import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { draftOf } from '../support/git-fixture.ts';
import {
  createMemoryRemote,
  type MemoryRemote,
  type StepName,
} from '../support/memory-repository.ts';
import { describeRepositoryContract, type ContractWorld } from './repository-contract.ts';

function createMemoryWorld(): Promise<ContractWorld> {
  const remote = createMemoryRemote();
  return Promise.resolve({
    open: () => Promise.resolve(remote.open()),
    merge: (parents, files) => {
      const merge = remote.commit(
        parents,
        draftOf(
          { ...Object.fromEntries(remote.filesOf(parents[1])), ...files },
          { message: 'merge' },
        ),
      );
      remote.setRef('refs/heads/main', merge);
      return Promise.resolve(merge);
    },
    forgetUnreferenced: () => {
      remote.forgetUnreferenced();
      return Promise.resolve();
    },
    cutOff: () => {
      remote.setReachable(false);
      return Promise.resolve();
    },
    dispose: () => Promise.resolve(),
  });
}

describeRepositoryContract('memory', createMemoryWorld);

describe('the repository in memory, as a simulation needs it', () => {
  const ref = 'refs/crosstalk/claims/k';
  const losing = (remote: MemoryRemote, name: StepName, phase: 'before' | 'after') =>
    remote.open({
      step: (at, when) => Promise.resolve(at === name && when === phase ? 'lost' : 'go'),
      host: 'a',
    });

  it('a push that is lost on its way has no effect', async () => {
    const remote = createMemoryRemote();
    const host = losing(remote, 'push', 'before');
    const next = await host.writeRecord('{}');
    expect((await host.push([{ ref, expected: null, next }], { atomic: false })).kind).toBe(
      'unknown',
    );
    expect(remote.refs.size).toBe(0);
  });

  it('a push whose answer is lost has landed', async () => {
    const remote = createMemoryRemote();
    const host = losing(remote, 'push', 'after');
    const next = await host.writeRecord('{}');
    expect((await host.push([{ ref, expected: null, next }], { atomic: false })).kind).toBe(
      'unknown',
    );
    expect(remote.refs.get(ref)).toBe(next);
    expect(remote.moves).toEqual([{ ref, expected: null, next, push: 1, host: 'a' }]);
  });

  it('a crash is a step that never ends: nothing after it happens', async () => {
    const remote = createMemoryRemote();
    const host = remote.open({
      step: (name, phase) =>
        name === 'push' && phase === 'before'
          ? new Promise(() => undefined)
          : Promise.resolve('go'),
    });
    const next = await host.writeRecord('{}');
    void host.push([{ ref, expected: null, next }], { atomic: false });
    await new Promise(setImmediate);
    expect(remote.refs.size).toBe(0);
  });

  it('a local call that is lost throws', async () => {
    const host = losing(createMemoryRemote(), 'writeRecord', 'before');
    await expect(host.writeRecord('{}')).rejects.toMatchObject({ code: 'INTERNAL' });
  });

  it('what the policy of the remote forbids is refused, with the others of an atomic push', async () => {
    const remote = createMemoryRemote();
    remote.setPolicy((update) => (update.ref === ref ? 'hook declined' : null));
    const host = remote.open();
    const next = await host.writeRecord('{}');
    const updates = [ref, `${ref}2`].map((name) => ({ ref: name, expected: null, next }));
    const refused = { kind: 'refused', line: 'hook declined' };
    expect(await host.push(updates, { atomic: true })).toEqual({
      kind: 'answered',
      refs: new Map(updates.map((update) => [update.ref, refused])),
    });
    expect(remote.refs.size).toBe(0);
    await host.push(updates, { atomic: false });
    expect([...remote.refs.keys()]).toEqual([`${ref}2`]);
  });

  it('gives the same ids for the same content, and thousands of operations a second', async () => {
    const run = async (): Promise<Oid[]> => {
      const host = createMemoryRemote().open();
      const tips: Oid[] = [];
      for (let n = 0; n < 1_000; n++) {
        const tip = tips.at(-1) ?? null;
        const [next] = await host.buildCommits(tip, [
          draftOf({ [`data/channels/c/${n % 30}/${n}.md`]: `m${n}` }),
        ]);
        await host.push([{ ref: 'refs/heads/main', expected: tip, next: next! }], {
          atomic: false,
        });
        tips.push(next!);
      }
      return tips;
    };
    const started = performance.now();
    expect(await run()).toEqual(await run());
    expect(performance.now() - started).toBeLessThan(4_000);
  });
});
