/** What the page is told: the types of what answers.ts answers, and nothing at run time. */
import type { toJson } from '../cli/look/print-message.ts';
import type { questionsOf } from './answers.ts';

/** The answers by question. */
type Told = {
  readonly [Q in keyof ReturnType<typeof questionsOf>]: Awaited<
    ReturnType<ReturnType<typeof questionsOf>[Q]>
  >;
};

export type Summary = Told['summary'];
export type Channel = Summary['channels'][number];
/** Who can be written to. */
export type Names = Summary['names'];

export type Status = Told['status'];
export type Work = Status['waiting' | 'running'][number];
/** One thing that a person must do. `about`: paths or ids of messages, a few of `count`. */
export type Need = Status['needs'][number];
/** A gate that waits, and who looks at it. */
export type OpenGate = Status['gates'][number];

export type ChannelPage = Told['channel'];
export type ThreadRow = ChannelPage['threads'][number];
export type ThreadPage = Told['thread'];
export type Message = ThreadPage['messages'][number];
export type History = Told['history'];
/** What `crosstalkd search --json` prints; null: it was refused. */
export interface Found {
  readonly data: {
    readonly found: number;
    readonly messages: readonly ReturnType<typeof toJson>[];
  } | null;
}
export type Why = Told['why'];

export type RunList = Told['runs'];
export type RunRow = RunList['runs'][number];
export type Run = Told['run'];
export type Step = Omit<Run['steps'][number], 'awaits' | 'tasks'>;
export type Task = Run['tasks'][number];
export type Gate = Run['gates'][number];
/** How the answers of a vote fell. */
export type Tally = NonNullable<Step['tally']>;

/** What an agent prints. */
export type { Piece } from './stream-output.ts';

/** The pushes of the dispatcher on this machine. */
export type Pushes = Told['pushes'];
export type Push = Pushes['pushes'][number];
/** The board of hosts and models. */
export type Board = Told['hosts'];
export type Charts = Told['charts'];
export type Figures = Charts['total'];
