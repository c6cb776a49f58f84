/**
 * Determines what a running agent has changed in its worktree, for its capsule: from time to time
 * while it works, and once more before the worktree is removed.
 */
import { MINUTE } from '../base/clock.ts';
import type { CapsuleWork } from '../protocol/capsule-work.ts';
import { note, noteOf } from './capsule-notes.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { LiveClaim } from './own-claims.ts';
import type { WorkNote } from './notes.ts';

/** A look reads every file: it is no more than this part of the time. */
const LOOK_PART = 20;

/** From now on `look` says what is changed. */
export function noteWork(
  dispatcher: Dispatcher,
  held: LiveClaim,
  look: NonNullable<WorkNote['look']>,
): void {
  // In time for the first beat of an attempt.
  const notBeforeMs = dispatcher.doors.clock.monotonicMs() + MINUTE / 4;
  const { attempt } = held.state.claim;
  note(dispatcher, held, { work: { attempt, look, last: null, notBeforeMs } });
}

/** Looks for the last time: the worktree is about to be removed. */
export async function closeWork(dispatcher: Dispatcher, held: LiveClaim): Promise<void> {
  const { work } = noteOf(dispatcher, held);
  if (work?.look == null) return;
  const last = await lookAt(dispatcher, held, work);
  note(dispatcher, held, { work: { ...work, look: null, last } });
}

/** The changes that are known; looks again when it is time to. */
export async function workOf(dispatcher: Dispatcher, held: LiveClaim): Promise<CapsuleWork | null> {
  const { work } = noteOf(dispatcher, held);
  const { clock } = dispatcher.doors;
  const startedMs = clock.monotonicMs();
  if (work?.look == null || startedMs < work.notBeforeMs) return work?.last ?? null;
  // Who asks meanwhile gets what is known.
  note(dispatcher, held, { work: { ...work, notBeforeMs: Infinity } });
  const last = await lookAt(dispatcher, held, work);
  const pauseMs = Math.max(MINUTE, (clock.monotonicMs() - startedMs) * LOOK_PART);
  const now = noteOf(dispatcher, held).work;
  // It may have been closed meanwhile: then the last look counts.
  if (now?.look === work.look)
    note(dispatcher, held, { work: { ...work, last, notBeforeMs: clock.monotonicMs() + pauseMs } });
  return last;
}

async function lookAt(
  dispatcher: Dispatcher,
  held: LiveClaim,
  { look }: WorkNote,
): Promise<CapsuleWork | null> {
  const { said } = noteOf(dispatcher, held);
  if (said === null || look === null) return null;
  const found = await look().catch(() => null);
  return found === null ? null : withoutSecrets(found, said.redact);
}

/** A file with a secret of this host does not leave it, and half of the work is worth less. */
function withoutSecrets(work: CapsuleWork, redact: (text: string) => string): CapsuleWork {
  const isSecret = (text: string): boolean => {
    // An address of this form names no password.
    const plain = text.replaceAll('://git@', '://git ');
    return redact(plain) !== plain;
  };
  const isClean = work.changes?.every(
    ({ path, content }) =>
      !isSecret(path) &&
      (content === null || !isSecret(Buffer.from(content.base64, 'base64').toString('utf8'))),
  );
  return isClean === true ? work : { ...work, changes: null };
}
