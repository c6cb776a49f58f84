/**
 * A file that cannot be read leaves an older version in force: the same one for a host that has
 * followed the branch and for one that joins, whatever came in one pull.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import { BUDGETS_FILE, MODELS_FILE, TRANSPORT_FILE } from '../../src/protocol/paths.ts';
import { BUDGETS_READABLE } from '../../src/protocol/budgets.ts';
import { readFileInForce } from '../../src/transport/find-readable.ts';
import { readModels } from '../../src/transport/read-models.ts';
import { readPaceAt } from '../../src/transport/read-pace.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { createMemoryRemote } from '../support/memory-repository.ts';

/** What a push may leave there; null: the file is removed. */
const VERSIONS: Readonly<Record<string, readonly (string | null)[]>> = {
  [MODELS_FILE]: ['models: { a: { adapter: claude } }\n', 'models: {}\n', 'models: [\n', ': :\n'],
  [BUDGETS_FILE]: ['usd-per-day: 1\n', 'usd-per-day: 2\n', 'usd-per-day: much\n', '[\n'],
  [TRANSPORT_FILE]: ['pace: hosted\n', 'pace: own\n', 'pace: slow\n', '[\n'],
};

type Read = (repository: Repository, tip: Oid, known: unknown) => Promise<unknown>;
const READERS: Readonly<Record<string, Read>> = {
  [MODELS_FILE]: (repository, tip, known) => readModels(repository, tip, known as never),
  [BUDGETS_FILE]: (repository, tip, known) =>
    readFileInForce(repository, { tip, known: known as never }, BUDGETS_READABLE),
  [TRANSPORT_FILE]: (repository, tip, known) => readPaceAt(repository, tip, known as never),
};

it.each(Object.keys(READERS))(
  '%s is the same for hosts that follow and hosts that join',
  async (path) => {
    const versions = [...VERSIONS[path]!, null, 'x'.repeat(1_100_000)];
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ at: fc.nat(versions.length - 1), isPulled: fc.boolean() }), {
          minLength: 1,
          maxLength: 6,
        }),
        async (steps) => {
          const repository = createMemoryRemote().open();
          let [tip, known]: [Oid | null, unknown] = [null, null];
          for (const [number, { at, isPulled }] of steps.entries()) {
            tip = await commit(repository, tip, { path, content: versions[at]!, number });
            if (isPulled) known = await READERS[path]!(repository, tip, known);
          }
          const followed = await READERS[path]!(repository, tip!, known);
          const joined = await READERS[path]!(repository, tip!, null);
          expect(followed).toEqual({ ...(joined as object), tip: (followed as { tip: Oid }).tip });
        },
      ),
      { numRuns: 60 },
    );
  },
);

async function commit(
  repository: Repository,
  tip: Oid | null,
  { path, content, number }: { path: string; content: string | null; number: number },
): Promise<Oid> {
  const who = { name: 'ada', email: 'ada@example.org' };
  const [made] = await repository.buildCommits(tip, [
    {
      writes: [
        { path: 'n', content: String(number) },
        ...(content === null ? [] : [{ path, content }]),
      ],
      removes: content === null && tip !== null ? [path] : [],
      author: who,
      committer: who,
      atMs: 1_000,
      message: 'say',
    },
  ]);
  return made!;
}
