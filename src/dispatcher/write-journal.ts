/** Writes to the journal what a later process must know. */
import type { JournalEntry } from '../local/local-state.ts';
import type { Dispatcher } from './dispatcher.ts';
import { noteEntry } from './start-ledger.ts';

/** Writes an entry to the journal, durably, and takes it into the ledger. */
export async function journal({ state, doors }: Dispatcher, entry: JournalEntry): Promise<void> {
  // It has ended, and the lock may be another's by now: the next start finds out what is missing.
  if (state.loop.ending.signal.aborted) return;
  // First in memory: an imminent start counts, also while the disk is slow.
  noteEntry(state.claims.ledger, entry);
  await doors.local.journal(entry);
}
