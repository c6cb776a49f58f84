/** What the engine is given and what it gives back: files in, files to add out. */
import type { Message } from '../../protocol/message.ts';
import type { Speaker } from '../../protocol/who-said.ts';
import type { Compilers } from '../../protocol/who-can-be-asked.ts';

/** A file to add. Never one that exists. */
export interface NewFile {
  readonly path: string;
  readonly content: string;
  /** The reason, for the log: its content has it only in prose. Not committed. */
  readonly why?: string | undefined;
}

/** What a transition is called. */
export interface TransitionName {
  /** Which one it is, for programs: `fanout vote (3 tasks)`. */
  readonly name: string;
  /** The same for people: `ask opus, gpt, gemini (vote)`. Of any length; may hold others' words. */
  readonly words: string;
  /** True: it asks people something, or tells them the result; the others are bookkeeping. */
  readonly isNews?: boolean;
}

/** One commit. tell-transition.ts says what its message is. */
export interface Transition extends TransitionName {
  readonly files: readonly NewFile[];
}

/** What other runs are to a concurrency group. */
export interface RunSummary {
  readonly run: string;
  readonly group: string | null;
  readonly state: 'queued' | 'active' | 'ended';
  /** Order in the queue: the marker's time, then its path. */
  readonly markerMs: number;
  readonly marker: string;
}

/** A finished answer that may be taken over. */
export interface Reusable {
  readonly path: string;
  readonly text: string;
}

/** Everything outside the run's channel, read at the same tip. */
export interface LookUp {
  readonly savedWorkflow: (name: string) => string | null;
  readonly schemaFile: (path: string) => string | null;
  /** Names of the transport's models, in its order. */
  readonly models: readonly string[];
  /** Model → live hosts; empty when no host is known. */
  readonly served: ReadonlyMap<string, readonly string[]>;
  /** Who may make plans of prose. */
  readonly compilers: Compilers;
  /** Every other run that declares a concurrency group. */
  readonly otherRuns: readonly RunSummary[];
  /** The answer of any run to a task with this content key. */
  readonly cached: (contentKey: string) => Reusable | null;
  /** The files of another run at a commit (null = now), for forks. */
  readonly runFiles: (run: string, at: string | null) => ReadonlyMap<string, string> | null;
  /**
   * Whose word a file of the run is; null = nobody's that counts: it is not committed yet, was
   * edited after it was, or a dispatcher made it.
   */
  readonly whoSaid: (path: string) => Speaker | null;
}

export interface RunInput {
  /** The run's channel, or the one that would be opened. */
  readonly run: string;
  readonly marker: {
    readonly path: string;
    readonly blob: string;
    readonly message: Message;
    readonly from: string;
    readonly timestampMs: number;
    /** The text of the routed reply when it stands already. */
    readonly reply: string | null;
    /** The marker's file was removed: the run is ended, and nothing is routed. */
    readonly isGone?: boolean;
  };
  /** Every file of the run's channel: full path → text. */
  readonly files: ReadonlyMap<string, string>;
  readonly lookUp: LookUp;
  /** Decides only whether waits and timeouts fire; it never reaches a file. */
  readonly nowMs: number;
}
