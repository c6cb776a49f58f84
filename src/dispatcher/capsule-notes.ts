/** The capsules that this process has written or read, by the key of the work. */
import type { Dispatcher } from './dispatcher.ts';
import type { OwnClaim } from './own-claims.ts';
import type { CapsuleNote } from './notes.ts';

/** More pieces of work than these are not remembered here. */
const NOTES_MAX = 256;
const NOTHING: CapsuleNote = { said: null, work: null, kept: null, continues: null, left: null };

/** What is known of one piece of work. */
export function noteOf({ state }: Dispatcher, { key }: Pick<OwnClaim, 'key'>): CapsuleNote {
  return state.claims.capsules.get(key) ?? NOTHING;
}

/** Adds to it; the oldest note goes when there are too many. */
export function note(
  dispatcher: Dispatcher,
  held: Pick<OwnClaim, 'key'>,
  more: Partial<CapsuleNote>,
): void {
  const { capsules } = dispatcher.state.claims;
  const now = { ...noteOf(dispatcher, held), ...more };
  capsules.delete(held.key);
  capsules.set(held.key, now);
  const [oldest] = capsules.keys();
  if (capsules.size > NOTES_MAX && oldest !== undefined) capsules.delete(oldest);
}
