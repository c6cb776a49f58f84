/**
 * The door to other people's programs. An adapter turns one attempt into one invocation of a
 * program and its output into an answer or a failure of a known class. It knows nothing of git,
 * claims or files of the transport.
 */
import type { Attachment } from '../protocol/attachments.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { PermissionAsked } from '../protocol/question.ts';
import type { Usage } from '../protocol/usage.ts';

export type { PermissionAsked } from '../protocol/question.ts';
export type { Usage } from '../protocol/usage.ts';

/**
 * Folders of an attempt, in its directory: what it is given to read, and what it may leave to be
 * published with its answer.
 */
export const ATTACHMENTS_FOLDER = 'attachments';
export const OUTPUT_FOLDER = 'output';

/**
 * Why an attempt gave no answer. What follows from a class is one table in
 * protocol/failure-policy.ts.
 */
export const FAILURE_CLASSES = [
  'auth', // the program is not signed in, or its key is refused
  'rate-limit', // asked too often; may carry a reset time
  'usage-limit', // quota or credit is used up; may carry a reset time
  'context', // the prompt is too long for the model
  'model', // the model that the entry names does not exist
  'unavailable', // provider or network is down
  'timeout', // wall limit
  'idle', // no output for too long
  'crash', // ended with a non-zero status or a signal
  'empty', // ended well and said nothing
  'too-large', // more output than the cap
  'invalid', // output that is not text, or not what the program promises
  'refused', // the provider's rules, or nobody's permission, stand against what was asked
  'missing', // the program is not there or cannot be executed: nothing ran
  'setup', // the program refuses to work in this environment
  'loop', // models talk in circles; concluded by the dispatcher, nothing is started
  'persona', // `as:` names nobody: an agent that answers as somebody else is worse than none
  'attachment', // a file of the message cannot be given to an agent, or one that the agent left cannot be published
  'host-lost', // the host died while it ran; only ever concluded by another host
  'cancelled', // a person ended it
] as const;
export type FailureClass = (typeof FAILURE_CLASSES)[number];

export interface AttemptRequest {
  /**
   * Unique per invocation; put into the environment of everything that is started (CROSSTALK_RUN),
   * so that survivors can be found.
   */
  readonly attemptId: string;
  readonly entry: ModelEntry;
  /** The whole prompt, for stdin. Never put into arguments. */
  readonly prompt: string;
  /**
   * The message alone, as it was written: what `input: message` gives a program instead of the
   * prompt.
   */
  readonly message: string;
  /**
   * Persona text; adapters that know a system prompt use it there, others have it in `prompt`
   * already when this is null.
   */
  readonly persona: string | null;
  /** A session of the same program on this host to be continued, or null. */
  readonly session: string | null;
  /** Paths of the messages before this one in its thread; absent = none. */
  readonly thread?: readonly string[];
  /** The directory that it runs in; exists, private, deleted by the caller. */
  readonly directory: string;
  /** True: `entry.cwd` is a worktree that the dispatcher made without `CHECKOUT_FILES`. */
  readonly isWorktree?: boolean;
  /** Files of the message: put into ATTACHMENTS_FOLDER of `directory`, read-only; absent = none. */
  readonly attachments?: readonly Attachment[];
  /**
   * Names and values that are added to its environment by the dispatcher itself (not from the
   * operator's).
   */
  readonly extraEnv: Readonly<Record<string, string>>;
  /**
   * Called once, right after the process exists and before it gets its prompt, so that it can be
   * journalled.
   */
  readonly onStarted: (process: StartedProcess) => Promise<void>;
  /** Called with pieces of output as they come, decoded; for people who watch. */
  readonly onOutput: (text: string) => void;
  /** Called once, before any output. */
  readonly onSaid?: (said: Said) => void;
  /**
   * Asks a person for what the entry does not allow on its own; false: denied, or nobody answered.
   * Never rejects. While it is open the limits of time stand still. Absent: nobody is asked.
   */
  readonly onAsk?: (asked: PermissionAsked, directory: string) => Promise<boolean>;
  /** Aborting ends everything the attempt started: TERM, then KILL. */
  readonly signal: AbortSignal;
}

/** What an agent has said, for the attempt after it. */
export interface Said {
  /**
   * The end of it. Secrets are taken out of the whole: a piece of output may end in the middle of
   * one.
   */
  readonly soFar: () => string;
  /** Takes the secrets of this host out of any other text. */
  readonly redact: (text: string) => string;
}

/** Enough to find the process group again after a restart and not to mistake another for it. */
export interface StartedProcess {
  readonly pgid: number;
  /**
   * The kernel's start time of the leader (clock ticks since boot), or null where the system does
   * not tell.
   */
  readonly startTicks: string | null;
}

/** How one invocation ended. `stopped`: the caller aborted it; what it had said so far is kept. */
export type AttemptOutcome =
  | {
      readonly kind: 'answered';
      /** Clean text: valid Unicode, no control codes, not blank. */
      readonly text: string;
      readonly session: string | null;
      readonly usage: Usage;
      /** Name and version of the program, such as `claude 2.1.329`; null when unknown. */
      readonly agent: string | null;
      readonly durationMs: number;
      /** What it left in OUTPUT_FOLDER, with harmless names; absent = nothing. */
      readonly files?: readonly Attachment[];
    }
  | {
      readonly kind: 'failed';
      readonly class: FailureClass;
      /** One line for people, secrets removed. */
      readonly detail: string;
      /** When the limit ends, milliseconds since the epoch, if the program said so. */
      readonly resetAtMs: number | null;
      readonly usage: Usage;
      readonly durationMs: number;
      /** Raw output worth keeping for a person, or null. */
      readonly rawOutput: Uint8Array | null;
    }
  | { readonly kind: 'stopped'; readonly textSoFar: string; readonly durationMs: number };

export type Answered = Extract<AttemptOutcome, { kind: 'answered' }>;
export type Failed = Extract<AttemptOutcome, { kind: 'failed' }>;

/** Runs attempts. Never rejects for anything the program does. */
export interface Agents {
  run(request: AttemptRequest): Promise<AttemptOutcome>;
}
