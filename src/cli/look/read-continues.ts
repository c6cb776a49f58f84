/** With what an attempt on another host began, as the capsule of its work tells. */
import { parseCapsule } from '../../protocol/capsule.ts';
import { sayContinues } from '../../protocol/reply.ts';
import type { Surroundings } from './look-around.ts';

/** Asks the remote once. Null: with nothing, or nothing is known of it. */
export async function readContinues(
  { session, claims }: Pick<Surroundings, 'session' | 'claims'>,
  key: string,
): Promise<string | null> {
  const claim = claims.get(key)?.claim ?? null;
  if (claim === null) return null;
  const { repository, refs } = session;
  const ref = refs.capsules + key;
  const listed = await repository.listRefs([ref]);
  const oid = listed.kind === 'reached' ? listed.value.refs.get(ref) : undefined;
  if (oid === undefined) return null;
  if (!(await repository.hasObject(oid)))
    await repository.fetch({ tip: null, records: new Map([[ref, oid]]) });
  const capsule = parseCapsule((await repository.readCommit(oid))?.message ?? '');
  if (capsule === null) return null;
  const { alias, attempt, before } = capsule;
  // It stands from the attempt before until the one that runs has said something.
  if (attempt < claim.attempt) return sayContinues({ alias, attempt, hasChanges: false });
  return before === undefined ? null : sayContinues(before);
}
