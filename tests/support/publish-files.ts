/** Files onto the branch of a fixture, by one host, as one commit. */
import { expect } from 'vitest';
import type { Oid } from '../../src/base/ids.ts';
import type { Repository } from '../../src/transport/repository.ts';
import { draftOf, reached } from './git-fixture.ts';

const BRANCH = 'refs/heads/main';

/** Gives the commit, which must have landed. `null` removes a file. */
export async function publishFiles(
  host: Repository,
  files: Readonly<Record<string, string | null>>,
): Promise<Oid> {
  const { tip } = reached(await host.listRefs([]));
  reached(await host.fetch({ tip, records: new Map() }));
  const [next] = await host.buildCommits(tip, [draftOf(files)]);
  const outcome = await host.push([{ ref: BRANCH, expected: tip, next: next! }], { atomic: true });
  expect(outcome).toMatchObject({
    kind: 'answered',
    refs: new Map([[BRANCH, { kind: 'landed' }]]),
  });
  return next!;
}
