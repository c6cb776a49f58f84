/** The end of a run: one routed reply to who asked, and COMPLETE, in one commit. */
import { formatIso } from '../../base/clock.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { oneLine, plainText } from '../../base/plain-text.ts';
import { channelRoot, replyPath } from '../../protocol/paths.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import type { NewFile, RunInput, Transition } from './run-input.ts';
import type { Fold } from './fold.ts';

export const END_STATUSES = ['succeeded', 'degraded', 'failed', 'cancelled', 'dropped'] as const;
export type EndStatus = (typeof END_STATUSES)[number];

const END_WORDS: Readonly<Record<EndStatus, string>> = {
  succeeded: 'done',
  degraded: 'done in part',
  failed: 'failed',
  cancelled: 'cancelled',
  dropped: 'dropped',
};

export interface End {
  readonly status: EndStatus;
  readonly body: string;
  /** What the log says of a run that failed; absent: the first line of the body. */
  readonly why?: string | undefined;
  readonly atMs: number;
  readonly usd: number;
  readonly tokens: number;
}

/** The routed reply. The same bytes from every host. */
export function routedReply(input: RunInput, end: End): NewFile {
  const isFailed = end.status !== 'succeeded' && end.status !== 'degraded';
  const fields = {
    to: input.marker.from,
    from: 'workflow',
    re: input.marker.path,
    timestamp: formatIso(end.atMs),
    hops: input.marker.message.fields.hops + 1,
    failed: isFailed ? true : undefined,
    error: isFailed ? (end.status === 'failed' ? 'workflow' : end.status) : undefined,
    model: 'workflow',
    tokens_in: end.tokens === 0 ? undefined : end.tokens,
    cost_usd: end.usd === 0 ? undefined : end.usd,
    run: input.run,
    status: end.status,
  };
  return {
    path: replyPath(input.marker.path, 'workflow'),
    content: writeFrontMatter(fields, plainText(end.body)),
    why: end.why,
  };
}

/** The last transition of a run whose files cannot be carried on. */
export function breakOff(input: RunInput, why: string): Transition {
  const end: End = {
    status: 'failed',
    body: `The run cannot continue: ${oneLine(why, 400)}\n`,
    atMs: input.marker.timestampMs,
    usd: 0,
    tokens: 0,
  };
  return routeTransition({ input, root: channelRoot(input.run), tasks: [] }, end);
}

/** The last transition of a run. */
export function routeTransition(
  { input, root, tasks }: Pick<Fold, 'input' | 'root' | 'tasks'>,
  end: End,
): Transition {
  const count = (state: string): number => tasks.filter((task) => task.state === state).length;
  const complete = {
    status: end.status,
    tasks: tasks.length,
    succeeded: count('succeeded'),
    failed: count('failed'),
    rejected: count('rejected'),
    cancelled: count('cancelled'),
    reused: tasks.filter((task) => task.isReused).length,
    usd: end.usd,
    tokens: end.tokens,
    timestamp: formatIso(end.atMs),
  };
  const files = [{ path: `${root}COMPLETE`, content: `${JSON.stringify(complete, null, 2)}\n` }];
  const isRouted = input.marker.reply === null && input.marker.isGone !== true;
  return {
    name: `route (${end.status})`,
    words: END_WORDS[end.status],
    isNews: true,
    files: isRouted ? [...files, routedReply(input, end)] : files,
  };
}

/** How the run below `root` has ended; null: it has not. */
export function endStatusOf({ files }: RunInput, root: string): EndStatus | null {
  const complete = parseJson(files.get(`${root}COMPLETE`) ?? '');
  return isJsonObject(complete)
    ? (END_STATUSES.find((status) => status === complete['status']) ?? null)
    : null;
}

/** The answer to a marker that cannot become a run: every error with its line. */
export function refusal(input: RunInput, problems: readonly string[]): Transition {
  const body = `The workflow was not started.\n\n${problems.map((problem) => `- ${problem}`).join('\n')}\n\nCorrect it and send it again; \`crosstalkd workflow check <file>\` shows the same.\n`;
  const atMs = input.marker.timestampMs;
  const end: End = { status: 'failed', body, why: problems[0], atMs, usd: 0, tokens: 0 };
  return {
    name: 'fail (not started)',
    words: 'not started',
    isNews: true,
    files: [routedReply(input, end)],
  };
}
