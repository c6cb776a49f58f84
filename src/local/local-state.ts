/**
 * The door to this machine's own memory of one transport: journal, outbox, late output, checkpoint.
 * All of it is written so that a kill at any moment leaves either the old or the new (tmp, fsync,
 * rename, fsync of the folder). The remote's refs show what was lost with it.
 */

import type { Effects } from '../protocol/models.ts';

/**
 * How an entry was settled that says: this was run here before the branch was rewritten, not again.
 */
export const RAN_BEFORE = 'ran before the rewrite';

/** How a claim was settled whose answer, or failure, is on the branch. */
export const PUBLISHED = 'published';

/** How a claim was settled. The journal of another version may have others. */
export type SettledHow =
  | typeof PUBLISHED
  | typeof RAN_BEFORE
  | 'answered'
  | 'answered by hand'
  | 'asked again'
  | 'broken'
  | 'claim-lost'
  | 'lease-lapsed'
  | 'lost'
  | 'no longer served'
  | 'parked'
  | 'shutdown'
  | 'started elsewhere'
  | 'unrenewed';

/**
 * One line of the journal. Entries of a claim share its key and nonce; the last one says how far
 * it came.
 */
export type JournalEntry =
  /**
   * A claim is about to be pushed. Written before the push: a claim of ours without it is not known
   * to this state directory.
   */
  | ({ readonly kind: 'claiming'; readonly claim: string } & JournalClaim)
  /** The agent is about to be started (fsync before spawn). */
  | ({ readonly kind: 'starting'; readonly attemptId: string } & StartFacts & JournalClaim)
  /** What it says that it has used; absent when it was stopped or died. */
  | {
      readonly kind: 'used';
      readonly attemptId: string;
      readonly usd: number;
      readonly tokens: number;
    }
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
  | ({ readonly kind: 'settled'; readonly how: SettledHow } & JournalClaim);

/** What is remembered of a start, whatever happens to its claim. */
export interface StartFacts {
  /** The model that was started: the recipient, or one of its fallbacks. */
  readonly model: string;
  readonly effects: Effects;
  /** Number of the attempt in the claim. */
  readonly attempt: number;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
}

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
  /** Its files, with harmless names; absent = none. */
  readonly files?: readonly { readonly name: string; readonly base64: string }[];
  /** What it answers; null: kept by a version that did not say. */
  readonly of: LateAnswer | null;
}

/** What late output answers, and how whole it is. */
export interface LateAnswer {
  /** Path of the message when it was claimed. */
  readonly message: string;
  readonly recipient: string;
  /** The host's name in its claim; absent as older versions kept it. */
  readonly host?: string;
  /** Number of the attempt in its claim. */
  readonly attempt: number;
  /**
   * `answer`: the text is the file of a finished reply. `failure`: that of a failure. `part`: the
   * text is what the agent had said when it was stopped.
   */
  readonly form: 'answer' | 'failure' | 'part';
  /** Wall time when it was kept, milliseconds since the epoch. */
  readonly atMs: number;
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
  /** What rests on this host, as it was last written; null when nothing is, or it is damaged. */
  readRests(): Promise<unknown>;
  writeRests(value: unknown): Promise<void>;
}

/** Of very many starts only the last are remembered. */
const STARTS_KEPT = { external: 20_000, none: 5_000 } as const;

/**
 * The entries that outlive their claims: starts with effects outside, starts that came to nothing,
 * what each has used, and how its claim ended. What this host did is known from them, whatever
 * happens to refs. Pure.
 */
export function memorable(entries: readonly JournalEntry[]): ReadonlySet<JournalEntry> {
  const published = new Set(
    entries.flatMap((entry) =>
      entry.kind === 'settled' && entry.how === PUBLISHED ? [entry.nonce] : [],
    ),
  );
  const left: Record<Effects, number> = { ...STARTS_KEPT };
  const starts = [...entries]
    .reverse()
    .filter(
      (entry) =>
        entry.kind === 'starting' &&
        (entry.effects === 'external' || !published.has(entry.nonce)) &&
        (left[entry.effects] -= 1) >= 0,
    );
  const attempts = new Set(starts.map((entry) => 'attemptId' in entry && entry.attemptId));
  const claims = new Set(starts.map((entry) => 'nonce' in entry && entry.nonce));
  const kept = new Set(starts);
  for (const entry of entries)
    if (
      (entry.kind === 'used' && attempts.has(entry.attemptId)) ||
      (entry.kind === 'settled' && claims.has(entry.nonce))
    )
      kept.add(entry);
  return kept;
}
