/**
 * Restores a claim of ours that somebody moved or deleted although nobody has answered. This host
 * knows what it does, so it puts the claim back instead of giving up the work.
 */
import type { Oid } from '../base/ids.ts';
import type { Dispatcher } from './dispatcher.ts';
import { isOpen } from './follow-moves.ts';
import { advance, type HeldClaim } from './own-claims.ts';
import { isMarkedBy } from './mark-start.ts';

/** How often a claim is put back before its work is given up. */
const RESTORES_MAX = 1_000;

/**
 * Puts the claim back where `standing` is now (null: nothing). A free place may be taken while the
 * work is open: a claim also goes with the reply to a message that was moved, where this host does
 * not look for one. Another's claim only when it is forged, or the branch says that the work was
 * started under ours. False when it is lost.
 */
export async function restoreClaim(
  dispatcher: Dispatcher,
  held: HeldClaim,
  standing: Oid | null,
): Promise<boolean> {
  const { doors, state } = dispatcher;
  if (held.state.restores >= RESTORES_MAX || !isOpen(dispatcher, held.work)) return false;
  const isForged = standing !== null && state.records.get(standing)?.isForged === true;
  if (standing !== null && !isForged && !isMarkedBy(dispatcher, held)) return false;
  advance(held, { kind: 'restoring' });
  doors.log.warning('claim.restored', {
    message: held.work.message.path,
    model: held.work.recipient,
    reason: standing === null ? 'somebody deleted it' : 'somebody replaced it',
    next: 'the agent continues; find out who pushes below refs/crosstalk',
  });
  const startedMs = doors.clock.monotonicMs();
  const pushed = await doors.repository.push(
    [{ ref: held.ref, expected: standing, next: held.state.oid }],
    { atomic: false },
  );
  const result = pushed.kind === 'answered' ? pushed.refs.get(held.ref)?.kind : undefined;
  // Not landed, or nobody knows: the next poll shows what is there.
  const renewed = result === 'landed' ? { renewedMs: startedMs } : {};
  advance(held, { kind: 'stands', nowMs: doors.clock.monotonicMs(), renewed });
  return true;
}
