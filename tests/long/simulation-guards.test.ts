/**
 * Each guard that exactly one reply rests on, taken away by a door that does not keep its promise:
 * the simulation has to turn red, or it would not notice if the guard were gone from the code.
 * FAULTS §6.
 */
import { describe, expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { parseMessagePath } from '../../src/protocol/paths.ts';
import type { RefUpdate, Repository } from '../../src/transport/repository.ts';
import type { MemoryRemote } from '../support/memory-repository.ts';
import type { Tamper } from '../simulation/host.ts';
import { planOf } from '../simulation/plan.ts';
import { runRewrite } from '../simulation/rewrite.ts';
import { runSeed } from '../simulation/run-seed.ts';
import { BRANCH, REFS } from '../simulation/world.ts';

const SEEDS_MAX = 150;

/** A remote that takes the pushes named by `ignores` whatever stands there. */
function withoutLease(ignores: (update: RefUpdate) => boolean): (remote: MemoryRemote) => Tamper {
  return (remote) => (doors) =>
    withRepository(doors, (repository) => ({
      ...repository,
      push: (updates, options) => {
        const now = (ref: string): Oid | null => remote.refs.get(ref) ?? null;
        return repository.push(
          updates.map((update) =>
            ignores(update) ? { ...update, expected: now(update.ref) } : update,
          ),
          options,
        );
      },
    }));
}

function withRepository(
  doors: Parameters<Tamper>[0],
  change: (repository: Repository) => Repository,
): Parameters<Tamper>[0] {
  return { ...doors, repository: change(doors.repository) };
}

/** Guard → doors without it, and which invariant has to see that. */
const GUARDS: Readonly<
  Record<string, { readonly tamper: (remote: MemoryRemote) => Tamper; readonly seen: RegExp }>
> = {
  'lease on the branch': {
    tamper: withoutLease(({ ref }) => ref === BRANCH),
    seen: /^I[126]|^unfenced/,
  },
  'lease on the claim': {
    tamper: withoutLease(({ ref, next }) => ref.startsWith(REFS.claims) && next !== null),
    seen: /^I8|^overlap/,
  },
  'fence of the reply': {
    tamper: withoutLease(({ ref, next }) => ref.startsWith(REFS.claims) && next === null),
    seen: /^unfenced|^overlap|^I8/,
  },
  'atomic push': {
    tamper: () => (doors) =>
      withRepository(doors, (repository) => ({
        ...repository,
        push: (updates) => repository.push(updates, { atomic: false }),
      })),
    seen: /^unfenced/,
  },
  'look for a reply that stands': {
    tamper: () => (doors) =>
      withRepository(doors, (repository) => ({
        ...repository,
        lookUp: async (commit, paths) => {
          const found = await repository.lookUp(commit, paths);
          return found.map((entry, index) =>
            parseMessagePath(paths[index] ?? '')?.replyTo == null ? entry : null,
          );
        },
      })),
    seen: /^I1/,
  },
  'outcome of a push that nobody knows': {
    tamper: () => (doors) =>
      withRepository(doors, (repository) => ({
        ...repository,
        push: async (updates, options) => {
          const outcome = await repository.push(updates, options);
          if (outcome.kind === 'answered') return outcome;
          return {
            kind: 'answered',
            refs: new Map(updates.map(({ ref }) => [ref, { kind: 'landed' } as const])),
          };
        },
      })),
    seen: /./,
  },
};

describe('without its', () => {
  it.each(Object.entries(GUARDS))('%s the simulation turns red', async (_, { tamper, seen }) => {
    expect(await firstRed(tamper, seen)).not.toBeNull();
  });

  it('ancestry check the simulation turns red', async () => {
    const tamper: Tamper = (doors) =>
      withRepository(doors, (repository) => ({
        ...repository,
        isAncestor: () => Promise.resolve(true),
      }));
    expect((await runRewrite(planOf(1), tamper)).problems).not.toEqual([]);
  });
});

/** The first seed whose invariants notice, or null. */
async function firstRed(
  tamper: (remote: MemoryRemote) => Tamper,
  seen: RegExp,
): Promise<number | null> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    const { problems } = await runSeed({ ...planOf(seed), atomic: true }, { tamperRemote: tamper });
    if (problems.some((problem) => seen.test(problem))) return seed;
  }
  return null;
}
