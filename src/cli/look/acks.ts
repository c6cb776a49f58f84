/**
 * What people have dismissed: a note at `data/acks/`, which says of one failure or one stray file
 * that nothing has to be done about it. All hosts see it, and only what is shown depends on it.
 */
import { ackPath } from '../../protocol/acks.ts';
import type { Failure } from './failures.ts';
import type { Surroundings } from './look-around.ts';

/** What of the failures and the rejected files nobody has dismissed. */
export async function dropAcked(
  around: Surroundings,
  failures: readonly Failure[],
): Promise<{ readonly failures: readonly Failure[]; readonly strays: readonly string[] }> {
  const { index, session } = around;
  const paths = [...around.strays.keys()];
  if (index.tip === null) return { failures, strays: paths };
  const files = await session.repository.lookUp(index.tip, paths);
  const notes = [
    ...failures.map((one) => ackPath({ kind: 'failure', ...one })),
    ...paths.map((path, at) => ackPath({ kind: 'file', path, oid: files[at]?.oid ?? '' })),
  ];
  const standing = await session.repository.lookUp(index.tip, notes);
  const isAcked = (at: number): boolean => standing[at] != null;
  return {
    failures: failures.filter((_, at) => !isAcked(at)),
    strays: paths.filter((_, at) => !isAcked(failures.length + at)),
  };
}
