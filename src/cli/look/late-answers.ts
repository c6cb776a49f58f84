/**
 * What agents of this host said too late: kept on its disk until a person adopts or discards it.
 */
import { systemClock } from '../../base/clock.ts';
import { type KeptOutput, listLate } from '../../local/late.ts';
import type { LateAnswer } from '../../local/local-state.ts';
import { claimKey, identityOf, messageId } from '../../protocol/paths.ts';
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TransportSession } from '../session/transport-session.ts';
import type { ListedFile } from './read-conversation.ts';

/** Late output that says what it answers. */
export type LateSeen = KeptOutput & { readonly of: LateAnswer };

/** Everything that is kept here and says what it answers, newest first. */
export async function readLate({
  directory,
}: Pick<TransportSession, 'directory'>): Promise<readonly LateSeen[]> {
  const kept = await listLate(directory.late);
  return kept.flatMap((one) => (one.of === null ? [] : [{ ...one, of: one.of }])).reverse();
}

/** What is kept for one message, wherever in its channel it stands now; newest first. */
export async function findLate(
  { session }: { readonly session: Pick<TransportSession, 'directory'> },
  file: ListedFile,
): Promise<readonly LateSeen[]> {
  const { channel, path } = file;
  const identity = identityOf(file);
  return (await readLate(session)).filter(
    ({ key, of: { message, recipient } }) =>
      message === path || key === claimKey({ channel, identity, recipient }),
  );
}

/** A kept output, as `why` and `status` describe it. */
export function lateReason({ of, reason }: LateSeen): ReasonOf<'late'> {
  const { message, recipient, attempt, form, atMs } = of;
  const agoMs = Math.max(0, systemClock.wallMs() - atMs);
  return { kind: 'late', id: messageId(message), recipient, attempt, agoMs, form, why: reason };
}
