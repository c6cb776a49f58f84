/**
 * A journal that leaves out what is settled while it is written, so that a dispatcher that runs for
 * years has a short one too.
 */
import type { Journal } from './journal.ts';
import { type JournalEntry, type LocalState, memorable, RAN_BEFORE } from './local-state.ts';

/**
 * Settled claims of which this many stay: a push of theirs may still land late, and then it matters
 * whether anything was started.
 */
const SETTLED_KEPT = 500;
/** This many gather before the file is rewritten. */
const SETTLED_MAX = 2_000;

/** The journal's part of the door to local state. */
export function keepShort(journal: Journal): Pick<LocalState, 'journal' | 'compactJournal'> {
  let kept: JournalEntry[] = [...journal.entries];
  let settled = 0;
  return {
    journal: async (entry) => {
      kept.push(entry);
      const appended = journal.append(entry);
      settled += entry.kind === 'settled' ? 1 : 0;
      if (settled >= SETTLED_MAX) {
        settled = 0;
        kept = dropSettled(kept, SETTLED_KEPT);
        // Not needed for anything: when the disk is full, the long file stays in force.
        void journal.compact(kept).catch(() => undefined);
      }
      await appended;
    },
    compactJournal: (entries) => {
      kept = [...entries];
      settled = 0;
      return journal.compact(entries);
    },
  };
}

/**
 * The entries without those of settled claims, but for the `keep` that were settled last and for
 * what outlives its claim.
 */
export function dropSettled(entries: readonly JournalEntry[], keep: number): JournalEntry[] {
  const settled = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'settled' && entry.how !== RAN_BEFORE ? [entry.nonce] : [],
    ),
  );
  const dropped = new Set([...settled].slice(0, Math.max(0, settled.size - keep)));
  const attempts = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'starting' && dropped.has(entry.nonce) ? [entry.attemptId] : [],
    ),
  );
  const kept = memorable(entries);
  return entries.filter(
    (entry) =>
      kept.has(entry) ||
      ('nonce' in entry ? !dropped.has(entry.nonce) : !attempts.has(entry.attemptId)),
  );
}
