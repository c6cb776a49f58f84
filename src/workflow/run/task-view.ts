/** What a task file says of itself, and a task as people see it. */
import { headLine } from '../../protocol/head-line.ts';
import { replyPath } from '../../protocol/paths.ts';
import { type Answer, failureLine, readAnswer } from './answer.ts';
import { readMessage } from './message-memo.ts';
import { modelOf } from './task-file.ts';
import { rememberText } from './text-memo.ts';
import type { TaskView } from './fold.ts';

export interface TaskHead {
  /** Null when the file cannot be read. */
  readonly to: string | null;
  /** Who is asked when that one cannot answer. */
  readonly fallback: readonly string[];
  readonly kind: string;
  readonly contentKey: string | null;
  readonly step: string;
  readonly key: string;
  readonly phase: string;
}

/** The head of a task file. */
export const readTask = rememberText((text): TaskHead => {
  const read = readMessage(text);
  if (read.kind === 'rejected') return NO_HEAD;
  const [to] = read.message.fields.to;
  const own = (name: string): string | null => headLine(read.message.yaml, name);
  const contentKey = own('content_key');
  return {
    to: to === undefined ? null : to.host === null ? to.name : `${to.name}@${to.host}`,
    fallback: read.message.fields.fallback,
    kind: own('kind') ?? 'first',
    contentKey: contentKey !== null && /^[0-9a-f]{64}$/.test(contentKey) ? contentKey : null,
    step: own('step') ?? '',
    key: own('key') ?? '',
    phase: own('workflow_phase') ?? 'fanout',
  };
});

const NO_HEAD: TaskHead = {
  to: null,
  fallback: [],
  kind: 'first',
  contentKey: null,
  step: '',
  key: '',
  phase: 'fanout',
};

type Answered = Pick<
  TaskView,
  'state' | 'why' | 'host' | 'session' | 'attempts' | 'usd' | 'tokens' | 'durationMs' | 'isReused'
>;

/** A task that nobody has answered. */
export const OPEN_VIEW: Answered = {
  state: 'open',
  host: null,
  session: null,
  attempts: null,
  usd: 0,
  tokens: 0,
  durationMs: null,
  isReused: false,
  why: null,
};

/** A task with its answer; `errors` say why the answer cannot be used. */
export function answeredView(answer: Answer, errors: readonly string[]): Answered {
  const view = VIEWS.get(answer) ?? viewOf(answer);
  VIEWS.set(answer, view);
  return answer.failure !== null || errors.length === 0
    ? view
    : { ...view, state: 'rejected', why: errors.join('; ') };
}

/** The task at `path` by its files, for its asker. */
export function viewTask(files: ReadonlyMap<string, string>, path: string): TaskView {
  const { to, step, key, phase, contentKey } = readTask(files.get(path) ?? '');
  const reply = replyPath(path, modelOf(to ?? 'unknown'));
  const own = { path, reply, to: to ?? 'unknown', step, key, phase, contentKey };
  const text = files.get(reply);
  return { ...own, ...(text === undefined ? OPEN_VIEW : answeredView(readAnswer(text), [])) };
}

/** An answer is read once, so its view is made once. */
const VIEWS = new WeakMap<Answer, Answered>();

function viewOf(answer: Answer): Answered {
  const { host, session, attempt, usd, tokens, durationMs, isReused } = answer;
  const own = {
    host,
    session: session === null ? null : { id: session, host },
    attempts: attempt,
    usd,
    tokens,
    durationMs,
    isReused,
  };
  if (answer.failure === null) return { ...own, state: 'succeeded', why: null };
  const state = answer.failure === 'cancelled' ? 'cancelled' : 'failed';
  return { ...own, state, why: failureLine(answer) };
}
