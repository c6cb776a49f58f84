/**
 * The types of publishing: a transaction that decides on a tip, its outcome, and the parts that
 * publishing needs.
 */
import type { Clock } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { Mirror } from './mirror.ts';
import type {
  CommitDraft,
  RefUpdate,
  RemoteFailure,
  Repository,
  Sign,
  TreeEntry,
} from './repository.ts';

/** The tip a transaction decides on, together with what the ones before it in the same push add. */
export interface TipView {
  readonly tip: Oid | null;
  /** Text files that earlier transactions of the push add. */
  readonly added: ReadonlyMap<string, string>;
  /**
   * What stands at each path; a path added by an earlier transaction of the push is an empty file
   * entry.
   */
  readonly lookUp: (paths: readonly string[]) => Promise<readonly (TreeEntry | null)[]>;
}

export interface Transaction {
  /** For the log. */
  readonly name: string;
  /** Refs that move with it, and without which it must not land. */
  readonly fences: readonly RefUpdate[];
  /** What to commit on this tip; empty = only the fences; null = no longer wanted. Must not act. */
  readonly decide: (view: TipView) => Promise<readonly CommitDraft[] | null>;
}

export type TransactionOutcome =
  | { readonly kind: 'landed'; readonly commits: readonly Oid[] }
  /** `decide` did not want it any more. */
  | { readonly kind: 'dropped' }
  /** A fence stood elsewhere: somebody else holds the claim. */
  | { readonly kind: 'fenced' }
  /**
   * The remote forbids it, in its words. `blocked`: something stands in its way on the branch.
   * `unmoved`: nobody said so of this one, but its push had no effect and nobody else moved
   * anything either; a moment of trouble, or, when it repeats, a refusal.
   */
  | {
      readonly kind: 'refused';
      readonly line: string;
      readonly blocked?: true;
      readonly unmoved?: RemoteFailure;
    }
  /** Nobody knows yet and the caller said to stop waiting. */
  | { readonly kind: 'unsettled'; readonly failure: RemoteFailure | null }
  | { readonly kind: 'rewritten' };

export interface Publisher {
  readonly repository: Repository;
  readonly mirror: Mirror;
  readonly clock: Clock;
  readonly random: Random;
  /** The remote's name of the branch, `refs/heads/…`. */
  readonly branchRef: string;
  readonly atomic: boolean;
  /** Signs every commit; absent: none is signed. */
  readonly sign?: Sign | undefined;
}
