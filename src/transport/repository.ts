/**
 * The door to git: one remote repository and this host's private cache of it, reduced to what a
 * transport needs. Two implementations stand behind it, real git (git-repository.ts) and memory
 * (tests/support), and one contract suite runs against both. It knows refs, trees and commits; it
 * knows nothing of messages.
 *
 * Object ids are given and taken as `Oid`; paths are relative to the root of the tree, separated by
 * `/`, never quoted.
 */
import type { Oid } from '../base/ids.ts';
import type { SignedBytes } from '../protocol/trust.ts';

/** What one look saw: the branch, and every ref below the prefixes given to `listRefs`. */
export interface RefListing {
  /** The branch's tip; null when the branch does not exist on the remote. */
  readonly tip: Oid | null;
  /** Full ref name → object id of every ref below the asked prefixes. */
  readonly refs: ReadonlyMap<string, Oid>;
  /** Names of the refs of which what they stand at came along; absent: nothing did. */
  readonly brought?: ReadonlySet<string>;
}

/** Which records a look should bring along beside the tip: decided when it is known what stands. */
export type Along = (listing: RefListing) => ReadonlyMap<string, Oid>;

/** The branch's new commits and nothing beside them. */
export const TIP_ALONE: Along = () => new Map();

/**
 * Why the remote did not answer, or refused the whole call; judged once, in git-failure.ts. `line`
 * is for people: the server's own words where it said any, in one line without control codes and
 * credentials. `limited`: too many calls; `silent`: connected, and no sign of life until git was
 * stopped; `not-git`: a page or a banner answers; `unavailable`: the server itself has trouble.
 */
export interface RemoteFailure {
  readonly reason:
    | 'dns'
    | 'refused'
    | 'timeout'
    | 'silent'
    | 'auth'
    | 'host-key'
    | 'certificate'
    | 'missing'
    | 'forbidden'
    | 'limited'
    | 'not-git'
    | 'unavailable'
    | 'unsupported'
    | 'disk-full'
    | 'corrupt'
    | 'unknown';
  readonly line: string;
}

/** The answer of a remote, or why there is none. An outage is a value: it is expected to happen. */
export type Reached<T> =
  | { readonly kind: 'reached'; readonly value: T }
  | { readonly kind: 'unreachable'; readonly failure: RemoteFailure };

/**
 * Regular files are the only thing a transport is made of; everything else in a tree is reported as
 * `other` and never read.
 */
export type EntryKind = 'file' | 'other';

/**
 * One path that differs between two trees. Renames are never guessed: a moved file is one removal
 * and one addition.
 */
export type TreeChange =
  | {
      readonly kind: 'written';
      readonly path: string;
      readonly entry: EntryKind;
      readonly blob: Oid;
    }
  | { readonly kind: 'removed'; readonly path: string }
  /** A folder of which nothing is read, and why. */
  | { readonly kind: 'refused'; readonly path: string; readonly why: string };

/** What stands at a path of a commit's tree. `kind: 'tree'` is a folder. */
export interface TreeEntry {
  readonly kind: EntryKind | 'tree';
  readonly oid: Oid;
}

/** An entry of a folder. */
export interface NamedEntry extends TreeEntry {
  readonly name: string;
}

/** The part of a history whose contents need not be read to know what is open now. */
export interface SettledPart {
  /** What stands in this commit and is answered is settled. */
  readonly commit: Oid;
  /** Names of the authors of it and of those before it, as they stand there. */
  readonly authors: ReadonlySet<string>;
  /** Whether the cache lacks older contents, so that what is read must be fetched first. */
  readonly isPartial: boolean;
}

/**
 * A blob's bytes, or why they were not read. `too-large` is decided from the header: the bytes are
 * never loaded.
 */
export type BlobRead =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'too-large'; readonly sizeBytes: number }
  | { readonly kind: 'missing' };

export interface Identity {
  readonly name: string;
  readonly email: string;
}

export interface CommitInfo {
  readonly oid: Oid;
  readonly parents: readonly Oid[];
  readonly author: Identity;
  readonly committer: Identity;
  /** Author time, milliseconds since the epoch, whole seconds. */
  readonly authoredMs: number;
  readonly message: string;
}

/**
 * One commit to be built: files that it writes (text as UTF-8 or bytes) and, only for a person's
 * own command, paths that it removes.
 */
export interface CommitDraft {
  readonly writes: readonly { readonly path: string; readonly content: string | Uint8Array }[];
  readonly removes?: readonly string[];
  readonly author: Identity;
  readonly committer: Identity;
  /** Milliseconds since the epoch, for both author and committer. */
  readonly atMs: number;
  readonly message: string;
  /** Makes the signature that the commit carries, over its other bytes; absent: none. */
  readonly sign?: Sign | undefined;
}

/** Makes the armoured signature over a commit's other bytes. */
export type Sign = (payload: Buffer) => Promise<string>;

/** The commit by which a file came to say what it says. */
export interface FileWriter {
  readonly commit: Oid;
  /** What of it is signed; null: nothing. */
  readonly signed: SignedBytes | null;
}

/**
 * One ref to be moved on the remote, only if it stands where we believe: `expected: null` = must
 * not exist, `next: null` = delete.
 */
export interface RefUpdate {
  readonly ref: string;
  readonly expected: Oid | null;
  readonly next: Oid | null;
}

/**
 * How a push ended. `answered`: the remote decided each ref. `unknown`: it may or may not have
 * landed (no answer, killed, connection lost); the caller must look at the refs before it does
 * anything else.
 */
export type PushOutcome =
  | { readonly kind: 'answered'; readonly refs: ReadonlyMap<string, RefResult> }
  | { readonly kind: 'unknown'; readonly failure: RemoteFailure };

/**
 * `stale`: the ref did not stand where we believed, or another push holds it; only a look tells
 * whether somebody else has moved it. `refused`: the remote forbids it (hook, protection,
 * permission). `line`: its words.
 */
export type RefResult =
  | { readonly kind: 'landed' }
  | { readonly kind: 'stale'; readonly line: string }
  | { readonly kind: 'refused'; readonly line: string };

/** Two commits and the folder of theirs that is compared. */
export interface DiffRange {
  readonly from: Oid | null;
  readonly to: Oid;
  readonly under: string;
  readonly refused?: ReadonlySet<string>;
}

export interface Repository {
  /**
   * One look at the branch and at all refs below `prefixes` (full names ending in `/`, or whole ref
   * names). With `along` the branch's new commits and the records that it names come on the same
   * connection, where that is possible; what has not come is left to `fetch`.
   */
  listRefs(prefixes: readonly string[], along?: Along): Promise<Reached<RefListing>>;
  /**
   * Brings commits into the cache with everything they need. `tip` is the branch's (its history
   * comes along); `records` are parentless commits or another branch's tip, named by the refs they
   * stand at. One that has vanished meanwhile is not an error: `hasObject` tells.
   */
  fetch(want: {
    readonly tip: Oid | null;
    readonly records: ReadonlyMap<string, Oid>;
  }): Promise<Reached<null>>;
  hasObject(oid: Oid): Promise<boolean>;
  /**
   * True when a branch's commit is in the cache with everything below it. `hasObject` proves that
   * for a record only: a commit arrives before its trees, so it may be all that a killed fetch has
   * left, or that the fetch of another process has brought so far. Contents that a partial cache
   * left out may be missing.
   */
  hasHistory(commit: Oid): Promise<boolean>;
  /**
   * Like `hasHistory`, without asking git: false also when git would have to be
   * asked, or somebody has thrown the cache away.
   */
  keeps(commit: Oid): boolean;
  /**
   * Paths below `under` (a folder without trailing slash, or '' for all) that differ, in code-unit
   * order. `from: null` = against an empty tree. `refused` names folders right below it that were
   * refused in `from`: when they have changed, they are read as if nothing had stood there.
   */
  diff(range: DiffRange): Promise<readonly TreeChange[]>;
  /**
   * What `diff` gives, in pieces of whole folders and in no order: for more changes than should be
   * in memory at once.
   */
  walk(range: DiffRange): AsyncIterable<readonly TreeChange[]>;
  /** The entries at `paths` of `commit`'s tree, in the order asked; null where nothing stands. */
  lookUp(commit: Oid, paths: readonly string[]): Promise<readonly (TreeEntry | null)[]>;
  /**
   * What stands right in a folder ('' = the root) of a commit's tree, in code-unit order of names;
   * nothing when there is no such folder, or it is too large to be held.
   */
  list(commit: Oid, folder: string): Promise<readonly NamedEntry[]>;
  /** Sizes of blobs in bytes, in the order asked; 0 for anything else. */
  sizesOf(oids: readonly Oid[]): Promise<readonly number[]>;
  /**
   * Blobs in the order asked. Those that a partial cache lacks are fetched together first; throws
   * REMOTE_UNREACHABLE when they cannot be.
   */
  readBlobs(oids: readonly Oid[], sizeBytesMax: number): Promise<readonly BlobRead[]>;
  /** What `readBlobs` gives, in the same order, some at a time. */
  scanBlobs(oids: readonly Oid[], sizeBytesMax: number): AsyncIterable<readonly BlobRead[]>;
  /**
   * Fetches in one conversation what a partial cache lacks of blobs that are about to be read piece
   * by piece. Throws REMOTE_UNREACHABLE.
   */
  bringBlobs(oids: readonly Oid[]): Promise<void>;
  /** The part below `tip` that is too old to become work; null when little or nothing is so old. */
  settledPart(tip: Oid): Promise<SettledPart | null>;
  /** A commit in the cache, or null. */
  readCommit(oid: Oid): Promise<CommitInfo | null>;
  /**
   * For each path the commit within `from..to` (`from: null` = all history) that added it; the
   * newest one when several did. Paths not found are left out.
   */
  findAddingCommits(
    paths: readonly string[],
    range: { readonly from: Oid | null; readonly to: Oid },
  ): Promise<ReadonlyMap<string, CommitInfo>>;
  /**
   * For each path that stands in `tip`, the commit of its history that wrote exactly what stands
   * there. Left out: paths not found, and those where a merge has put back what had been changed or
   * removed since.
   */
  findWriters(paths: readonly string[], tip: Oid): Promise<ReadonlyMap<string, FileWriter>>;
  /**
   * For each path the commits of a range that changed or removed what stands there, children first;
   * also those on a side that a merge left behind. Paths without any are left out.
   */
  findWrites(
    paths: readonly string[],
    range: { readonly from: Oid | null; readonly to: Oid },
  ): Promise<ReadonlyMap<string, readonly Oid[]>>;
  /** What of a commit is signed; null when nothing is, or it is not in the cache. */
  readSigned(oid: Oid): Promise<SignedBytes | null>;
  /**
   * True when `ancestor` is `tip` or one of its ancestors. False also when `ancestor` is not in the
   * cache.
   */
  isAncestor(ancestor: Oid, tip: Oid): Promise<boolean>;
  /**
   * Commits between `from` (not included, null = from the root) and `to`, first parents only,
   * oldest first. At most `max`, the newest ones.
   */
  history(range: {
    readonly from: Oid | null;
    readonly to: Oid;
    readonly max: number;
  }): Promise<readonly CommitInfo[]>;
  /**
   * Builds commits one on the other, the first on `parent` (null = a root commit); touches only the
   * changed folders. Nothing is published.
   */
  buildCommits(parent: Oid | null, drafts: readonly CommitDraft[]): Promise<readonly Oid[]>;
  /**
   * A parentless commit of an empty tree whose message is `text`: the value of a claim or beat ref.
   */
  writeRecord(text: string, sign?: Sign): Promise<Oid>;
  /** Pushes under leases. With `atomic`, all or nothing, decided by the server. */
  push(updates: readonly RefUpdate[], options: { readonly atomic: boolean }): Promise<PushOutcome>;
  /** Keeps the cache small; called when nothing else is going on. */
  maintain(): Promise<void>;
  /** This process is about to end: from now on a silent remote is waited for five seconds only. */
  hurry(): void;
  /** Ends the helper processes. */
  close(): Promise<void>;
}
