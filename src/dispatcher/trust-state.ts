/** What a dispatcher remembers of whose word counts: keys, files of hosts, beats. */
import type { Oid } from '../base/ids.ts';
import type { Trust } from '../protocol/trust.ts';

/** The keys that are known, as of a tip. */
export interface TrustNow {
  readonly tip: Oid;
  /** As the operator of this host has pinned it. */
  readonly pinned: Trust;
  readonly trust: Trust;
}

/** A file of hosts that a piece of work rests on. */
export interface HostFile {
  /** Key of the work, or of the marker of the run. */
  readonly key: string;
  readonly path: string;
  readonly blob: Oid;
  /** The only host that may have signed it; null = any that is known. */
  readonly host: string | null;
}

/** What one tree of a run's channel has. */
export interface ListedRun {
  readonly tree: Oid;
  /** The marker that its header names; null = there is no header that can be read. */
  readonly marker: string | null;
  readonly files: readonly Pick<HostFile, 'path' | 'blob'>[];
}

/** The newest beat of a host that it has signed. */
export interface BelievedBeat {
  readonly oid: Oid;
  readonly run: string;
  readonly count: number;
  /** Runs of it before this one. */
  readonly runs: ReadonlySet<string>;
}
