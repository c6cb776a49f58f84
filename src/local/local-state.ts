/**
 * The door to this machine's own memory of one transport: journal, outbox, late output, checkpoint.
 * All of it is written so that a kill at any moment leaves either the old or the new (tmp, fsync,
 * rename, fsync of the folder). What is lost with it is told apart by the remote's refs.
 */

/**
 * How an entry was settled that says: this was run here before the branch was rewritten, not again.
 */
export const RAN_BEFORE = 'ran before the rewrite';

/**
 * One line of the journal. Entries of a claim share its key and nonce; the last one tells how far
 * it came.
 */
export type JournalEntry =
  /**
   * A claim is about to be pushed. Written before the push: a claim of ours without it is not known
   * to this state directory.
   */
  | ({ readonly kind: 'claiming'; readonly claim: string } & JournalClaim)
  /** The agent is about to be started (fsync before spawn). */
  | ({ readonly kind: 'starting'; readonly attemptId: string } & JournalClaim)
  /** Its process group, to be killed by the next start if it is still there. */
  | {
      readonly kind: 'started';
      readonly attemptId: string;
      readonly pgid: number;
      readonly startTicks: string | null;
    }
  /**
   * Nothing of this claim is left to do on this host: published, released, lost or kept as late.
   */
  | ({ readonly kind: 'settled'; readonly how: string } & JournalClaim);

export interface JournalClaim {
  readonly key: string;
  readonly nonce: string;
}

/**
 * A finished answer that is not known to be on the remote yet. `content` etc. are final: publishing
 * adds nothing to them.
 */
export interface OutboxItem {
  readonly key: string;
  readonly nonce: string;
  /** Object id of the claim commit that fences it. */
  readonly claim: string;
  /**
   * What the dispatcher needs to publish it; opaque here, checked by the reader
   * (protocol/outbox-item.ts).
   */
  readonly payload: unknown;
}

/** Output that must not be published as a reply any more. */
export interface LateOutput {
  readonly key: string;
  readonly attemptId: string;
  readonly reason: string;
  readonly text: string;
}

export interface LocalState {
  /**
   * Names this state directory on this boot of this machine, 12 hex: another boot, copy or place
   * has another.
   */
  readonly instance: string;
  /** Appends and syncs; resolves when it is durable. */
  journal(entry: JournalEntry): Promise<void>;
  /**
   * All entries that were durable when this process started, oldest first; a torn last line is left
   * out.
   */
  readJournal(): Promise<readonly JournalEntry[]>;
  /** Replaces the journal by `entries` (the ones that still matter). */
  compactJournal(entries: readonly JournalEntry[]): Promise<void>;
  putOutbox(item: OutboxItem): Promise<void>;
  listOutbox(): Promise<readonly OutboxItem[]>;
  removeOutbox(item: { readonly key: string; readonly nonce: string }): Promise<void>;
  keepLate(late: LateOutput): Promise<void>;
  /**
   * The last checkpoint, or null when there is none or it cannot be read (it is only a shortcut).
   */
  readCheckpoint(): Promise<unknown>;
  writeCheckpoint(value: unknown): Promise<void>;
}
