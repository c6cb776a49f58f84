/**
 * The door to the projects of this machine: a worktree for each attempt that changes code, on a
 * branch of its own.
 */

import type { CapsuleWork, WorkChange } from '../protocol/capsule-work.ts';

/** Work on a branch of a project. */
export interface WorktreeRequest {
  readonly attemptId: string;
  /** The project's directory; absolute. */
  readonly project: string;
  readonly base: string;
  readonly branch: string;
  readonly keep: boolean;
  /** Which paths of the commit are not put there; they stay in the branch as they are. */
  readonly leavesOut: (path: string) => boolean;
  /**
   * Changes of an attempt before, to be put there before anything else; all of them, or none when
   * what they were made to is not what stands there.
   */
  readonly carry?: readonly WorkChange[];
}

export interface Worktree extends WorktreeRequest {
  readonly directory: string;
  /**
   * Git's own folder of this worktree, in the project's repository. The file in the worktree that
   * names it may have been changed by the agent and is not read.
   */
  readonly admin: string;
  /** The commit it began at. */
  readonly start: string;
  /** The branch on the project's remote, or null when there is no remote. */
  readonly remote: string | null;
  /** Where the branch stands here; null = it does not exist yet. */
  readonly local: string | null;
  /** Whether `carry` was put there. */
  readonly isCarried: boolean;
}

export type WorktreeOpened =
  | { readonly kind: 'open'; readonly worktree: Worktree }
  | { readonly kind: 'failed'; readonly why: string };

/** `branch: null`: nothing was changed, so there is no branch. */
export type WorktreeSaved =
  | { readonly kind: 'saved'; readonly branch: string | null; readonly commit: string }
  | { readonly kind: 'failed'; readonly why: string };

export interface SaveText {
  readonly message: string;
  readonly name: string;
  readonly email: string;
}

export interface Worktrees {
  open(request: WorktreeRequest): Promise<WorktreeOpened>;
  /** Commits what changed, pushes the branch, and moves it here. */
  save(worktree: Worktree, text: SaveText): Promise<WorktreeSaved>;
  /** What differs from the commit it began at; null = nothing does, or it cannot be read. */
  look(worktree: Worktree): Promise<CapsuleWork | null>;
  /** Removes the directory; the branch stays as it is. */
  close(worktree: Worktree): Promise<void>;
}
