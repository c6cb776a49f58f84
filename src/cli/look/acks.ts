/**
 * What people have dismissed: a note at `data/acks/`, which says of one failure or one stray file
 * that nothing needs to be done about it. All hosts see it, and only what is shown depends on it.
 */
import type { Oid } from '../../base/ids.ts';
import { isHeard } from '../../dispatcher/signed-file.ts';
import { type Acked, ackPath } from '../../protocol/acks.ts';
import { requires } from '../../protocol/trust.ts';
import type { Failure } from './failures.ts';
import type { Surroundings } from './look-around.ts';

/** What is known where notes are looked up. */
type Noted = Pick<Surroundings, 'index' | 'strays' | 'trust'> & {
  readonly session: Pick<Surroundings['session'], 'repository'>;
};

/** What of the failures and the rejected files nobody has dismissed. */
export async function dropAcked(
  around: Noted,
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
  const standing = await listCounting(around, index.tip, notes);
  const isAcked = (at: number): boolean => standing.has(notes[at] ?? '');
  return {
    failures: failures.filter((_, at) => !isAcked(at)),
    strays: paths.filter((_, at) => !isAcked(failures.length + at)),
  };
}

/** Whether somebody has dismissed it. */
export async function isDismissed(around: Noted, what: Acked): Promise<boolean> {
  const { tip } = around.index;
  const path = ackPath(what);
  return tip !== null && (await listCounting(around, tip, [path])).has(path);
}

/** Those that stand and, where people must sign, that somebody signed who may approve. */
async function listCounting(
  { session: { repository }, trust }: Noted,
  tip: Oid,
  notes: readonly string[],
): Promise<ReadonlySet<string>> {
  const entries = notes.length === 0 ? [] : await repository.lookUp(tip, notes);
  const standing = notes.filter((_, at) => entries[at] != null);
  if (standing.length === 0 || trust === null || !requires(trust, 'gates'))
    return new Set(standing);
  const writers = await repository.findWriters(standing, tip);
  return new Set(
    standing.filter((path) => isHeard(writers.get(path)?.signed ?? null, trust, 'approve')),
  );
}
