import { type Fix, toFix } from './fix.ts';

/**
 * Every code that can end a command: its exit status, one sentence of cause, and the command to go
 * on with when the error itself names none. docs/reference.md lists the same table; a test compares
 * them. What is expected to happen (a lost claim, a rejected push, a failing agent) is a value, not
 * one of these.
 */
export const ERROR_CODES = {
  USAGE: {
    exit: 2,
    cause: 'The command line is invalid.',
    next: 'crosstalkd COMMAND --help',
  },
  CONFIG_INVALID: {
    exit: 2,
    cause: 'A configuration file or environment variable has an invalid value.',
    next: 'crosstalkd doctor',
  },
  NOT_A_TRANSPORT: {
    exit: 2,
    cause: 'The directory or URL given is not a crosstalk transport.',
    next: 'crosstalkd init DIR',
  },
  GIT_UNUSABLE: {
    exit: 2,
    cause: 'The program git is missing, too old, or refuses to work in this directory.',
    next: 'git --version',
  },
  STATE_UNUSABLE: {
    exit: 2,
    cause: 'The state directory cannot be written or is damaged.',
    next: 'crosstalkd doctor',
  },
  ALREADY_EXISTS: {
    exit: 2,
    cause: 'The target already exists; nothing is ever overwritten.',
    next: 'ls -l',
  },
  MESSAGE_REJECTED: {
    exit: 2,
    cause: 'The message breaks a rule of the format and was not sent.',
    next: 'crosstalkd lint FILE',
  },
  ID_AMBIGUOUS: {
    exit: 2,
    cause: 'The shortened id matches more than one message.',
    next: 'crosstalkd log',
  },
  NOT_FOUND: {
    exit: 3,
    cause: 'What was named does not exist (the remote was read).',
    next: 'crosstalkd status',
  },
  REMOTE_UNREACHABLE: {
    exit: 4,
    cause: 'The transport could not be reached.',
    next: 'crosstalkd doctor',
  },
  HELD_BY_ANOTHER: {
    exit: 5,
    cause: 'Another dispatcher on this host already serves this transport.',
    next: 'crosstalkd status',
  },
  HISTORY_REWRITTEN: {
    exit: 1,
    cause:
      'The branch on the remote moved backwards, disappeared or changed its CROSSTALK-VERSION; nothing runs until a person has looked.',
    next: 'crosstalkd accept-rewrite',
  },
  REFUSED: {
    exit: 1,
    cause: 'The remote or the state of the conversation does not allow it.',
    next: 'crosstalkd doctor',
  },
  INTERNAL: {
    exit: 1,
    cause: 'The program broke one of its own invariants; please report it.',
    next: 'crosstalkd doctor',
  },
} as const satisfies Record<string, { exit: number; cause: string; next: string }>;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Lines of a person's file that an error is about, to be shown below it. */
export interface Excerpt {
  readonly text: string;
  /** 1-based. */
  readonly line: number;
  /** 1-based, where a character can be named. */
  readonly column?: number | undefined;
}

/**
 * A failure that ends what was asked for. `message` says what, where, the value found and what was
 * expected; `fix` is the next command: words, or text when nothing is filled in. `excerpts` are
 * shown on a terminal, never logged: they hold what somebody wrote.
 */
export class CrosstalkError extends Error {
  readonly code: ErrorCode;
  readonly fix: Fix | null;
  readonly excerpts: readonly Excerpt[];
  constructor(
    code: ErrorCode,
    message: string,
    options: { fix?: Fix | string | null; cause?: unknown; excerpts?: readonly Excerpt[] } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'CrosstalkError';
    this.code = code;
    this.fix = toFix(options.fix ?? null);
    this.excerpts = options.excerpts ?? [];
  }
}

/** The text of anything that was thrown. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
