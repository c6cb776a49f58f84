/**
 * The door to one kind of agent program. An adapter is two pure functions, how to call the program
 * and how to read what it wrote, and some facts about it. It starts nothing, keeps nothing and
 * reads no file; run-agents.ts does all that, in the same way for every program.
 */
import type { ModelEntry } from '../protocol/models.ts';
import type { AttemptRequest, FailureClass, PermissionAsked, Usage } from './agent.ts';
import type { Env, OperatorEnv } from './agent-env.ts';
import type { Ground } from './checkout.ts';

export interface InvocationRequest {
  readonly entry: ModelEntry;
  /** What it may do; see `modeOf`. */
  readonly mode: Mode;
  readonly prompt: string;
  readonly message: string;
  /**
   * To be used as system prompt where the program takes one from a file, else put before the prompt
   * (`withPersona`). Never an argument.
   */
  readonly persona: string | null;
  readonly session: string | null;
  /** An empty private folder outside the agent's directory: `files` are written there. */
  readonly scratch: string;
  /** The directory that the program runs in; absolute. */
  readonly directory: string;
  /** As that of the attempt; absent: nobody is asked. */
  readonly onAsk?: AttemptRequest['onAsk'];
  /** What it holds. Unless it is `trusted`, nothing in it may make the program run code. */
  readonly ground: Ground;
}

/**
 * `chat`: no tools. `read`: may look around in its directory. `write`: may change things; only ever
 * with `effects: external`.
 */
export type Mode = 'chat' | 'read' | 'write';

export type Invocation =
  | {
      readonly kind: 'invocation';
      readonly program: string;
      /** Only from the adapter, the model's entry and ids; never text of a message. */
      readonly args: readonly string[];
      /** Added to the agent's environment. */
      readonly env: Env;
      /** Written into `scratch` before the start, name → content. */
      readonly files: Readonly<Record<string, string>>;
      /** The prompt as it goes to stdin. */
      readonly input: string;
    }
  /** The entry cannot be run like this; one line says why and what to write instead. */
  | { readonly kind: 'refused'; readonly why: string };

/** What the program left. Raw text: not cleaned, not redacted. */
export interface ProgramOutput {
  readonly stdout: string;
  readonly stderr: string;
  /** Null when a signal ended it, and when it did not end on its own. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /**
   * True when a session was continued: what the program then reports may be the sum over all of it.
   */
  readonly resumed: boolean;
  /** For limits given as "in 20 minutes". */
  readonly nowMs: number;
}

/**
 * Sums over a whole session, for what a program reports in no other way: the same fields of `usage`
 * are null then, and come from the difference to what was known before (`session-totals.ts`).
 */
export interface SessionTotal extends Usage {
  readonly session: string;
}

/**
 * What an output means. A program that marks the end of its work has answered with the first
 * complete, successful result: whatever follows (a second one, a notice, a crash, silence until it
 * is ended) takes nothing away. So `answer` may come of an output without an exit status.
 */
export type Parsed =
  | {
      readonly kind: 'answer';
      readonly text: string;
      readonly session: string | null;
      readonly usage: Usage;
      readonly total?: SessionTotal;
      /** The program's version, when the output has it. */
      readonly version: string | null;
    }
  | {
      readonly kind: 'failure';
      readonly class: FailureClass;
      readonly detail: string;
      readonly resetAtMs: number | null;
      readonly usage: Usage;
      readonly total?: SessionTotal;
    }
  /**
   * The session to be continued does not exist any more: the attempt is run once more without it.
   */
  | { readonly kind: 'lost-session' };

/**
 * Decides on one line of output: is it needed for the answer, and what of it is shown to
 * people who watch.
 */
export interface LineView {
  readonly keep: boolean;
  readonly show: string | null;
  /** True: the answer is whole. What comes now is not waited for for long. */
  readonly ends?: boolean;
}

/** How the program writes its answer. */
export type OutputForm =
  /** Standard output is the answer. */
  | { readonly kind: 'text' }
  /**
   * One JSON value at the end. Silence before it says nothing, so the idle limit does not apply.
   */
  | { readonly kind: 'json' }
  /** A JSON value a line, as things happen. */
  | { readonly kind: 'json-lines'; readonly view: (line: string) => LineView };

/** What is said and shown because of a line of the program. */
export interface Heeded {
  /** Lines to be written to its stdin. */
  readonly send: readonly string[];
  readonly show: string | null;
  /** True: the answer is whole, as in `LineView`. */
  readonly ends: boolean;
  /** What it asks to be allowed, by a number that `Talk.decide` takes. */
  readonly asks: readonly { readonly ask: number; readonly asked: PermissionAsked }[];
}

/**
 * A conversation over the program's stdin and stdout, for programs that are not just given a
 * prompt. It keeps what it heard, and nothing else: it is a function of the lines.
 */
export interface Talk {
  /** The first lines to be written. */
  readonly begin: () => readonly string[];
  readonly hear: (line: string) => Heeded;
  /** The request that it waits for before its prompt is sent; null: the prompt is sent. */
  readonly opening: () => string | null;
  /** That took too long: the talk is over. */
  readonly giveUp: (afterMs: number) => void;
  /** The lines that say whether it may, for this once. */
  readonly decide: (ask: number, isAllowed: boolean) => readonly string[];
  /** The lines that ask the program to stop what it does. */
  readonly cancel: () => readonly string[];
  /** As `Adapter.parse`; stdout holds what was said outside the conversation. */
  readonly parse: (output: ProgramOutput) => Parsed;
}

/** How to see whether the program can be used on a host. */
export interface Detection {
  /** Names to look for on the PATH, the best first. */
  readonly executables: readonly string[];
  /**
   * Names of the environment of which one is enough to be signed in; they belong into `env:` of the
   * entry.
   */
  readonly keyNames: readonly string[];
  /** Files of which one exists when somebody has signed in. */
  readonly loginFiles: (env: OperatorEnv) => readonly string[];
  /** What a person does when neither is there. */
  readonly signIn: string;
  /** What another program of the same name says to `--version`; absent: none is known. */
  readonly impostor?: RegExp;
}

/** One kind of agent program. */
export interface Adapter {
  readonly name: string;
  /** Keys that it understands in the entry's `options:`, besides `mode`. */
  readonly options: readonly string[];
  /** The modes it has, the default for `effects: none` first. */
  readonly modes: readonly Mode[];
  readonly output: OutputForm;
  /**
   * For programs that try again and again without a way to tell them not to: whether a line of
   * stderr, or of JSON lines, says that it does. Waiting is the dispatcher's, so the program is
   * ended at the line after `RETRIES_MAX` of them; work that is shown in between begins the count
   * again.
   */
  readonly saysRetry?: (line: string) => boolean;
  /**
   * It finds a session only in the directory where that was begun: entries without `cwd:` run in
   * one that stays, unless they may write.
   */
  readonly sessionsByDirectory?: boolean;
  /**
   * Files of a checkout from which it runs code and no switch keeps it from doing so: beside one of
   * these it is not started, unless its operator trusts the checkout.
   */
  readonly runsFromCheckout?: readonly string[];
  readonly invoke: (request: InvocationRequest) => Invocation;
  readonly parse: (output: ProgramOutput) => Parsed;
  /** For programs that are talked with: how, about the `input` of the invocation. */
  readonly talk?: (request: InvocationRequest, input: string) => Talk;
  /** The program asks by the command `crosstalkd` that it finds in its environment. */
  readonly asksByCommand?: true;
  /** Null for programs that are not looked for. */
  readonly detection: Detection | null;
}

/** Whether a person is asked for what the agent may not do on its own. */
export function asksPerson({ entry, onAsk }: Pick<InvocationRequest, 'entry' | 'onAsk'>): boolean {
  return entry.permissions !== null && onAsk !== undefined;
}

/** What a program that says nothing of its use has used. */
export const NO_USAGE: Usage = { tokensIn: null, tokensOut: null, costUsd: null };

/** The prompt with the persona before it, for programs without their own system prompt. */
export function withPersona({
  prompt,
  persona,
}: Pick<InvocationRequest, 'prompt' | 'persona'>): string {
  return persona === null || persona.trim() === '' ? prompt : `${persona.trimEnd()}\n\n${prompt}`;
}

/** The program and first arguments of an entry: its own `command:` or the adapter's program. */
export function programOf(
  entry: ModelEntry,
  program: string,
): { readonly program: string; readonly args: readonly string[] } {
  const [own, ...args] = entry.command;
  return own === undefined ? { program, args: [] } : { program: own, args };
}

/**
 * A key of the entry's `options:` that is a text or a number, as an argument; null when it is
 * neither.
 */
export function optionText(entry: ModelEntry, key: string): string | null {
  const value = entry.options[key];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : null;
}

/** `exit status 3` or `ended by SIGKILL`. */
export function describeExit({
  exitCode,
  signal,
}: Pick<ProgramOutput, 'exitCode' | 'signal'>): string {
  if (signal !== null) return `ended by ${signal}`;
  return exitCode === null ? 'it could not be stopped' : `exit status ${exitCode}`;
}

export type ModeChoice =
  | { readonly kind: 'mode'; readonly mode: Mode }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The mode an entry asks for. `write` needs both `options: { mode: write }` and `effects:
 * external`, so that it is never chosen by one slip.
 */
export function modeOf(entry: ModelEntry, adapter: Pick<Adapter, 'name' | 'modes'>): ModeChoice {
  const asked = entry.options['mode'];
  const fallback = adapter.modes[0] ?? 'chat';
  if (asked === undefined) return { kind: 'mode', mode: fallback };
  const mode = adapter.modes.find((known) => known === asked);
  if (mode === undefined)
    return {
      kind: 'refused',
      why: `options: "mode" must be one of ${adapter.modes.join(', ')} for "adapter: ${adapter.name}"`,
    };
  if (mode === 'write' && entry.effects !== 'external')
    return {
      kind: 'refused',
      why: 'options: "mode: write" needs "effects: external": an agent that may change things must never run twice',
    };
  return { kind: 'mode', mode };
}
