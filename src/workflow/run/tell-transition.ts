/**
 * A transition as people read it in `git log`: who decided what, what was asked of whom, why, and
 * the answer that came back. Pure.
 */
import type { Trailer } from '../../protocol/trailers.ts';
import { channelOf, messageId, replyPath } from '../../protocol/paths.ts';
import { formatSubject } from '../../protocol/subject.ts';
import { firstLine, textForLog } from '../../protocol/reply.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import { readMessage } from './message-memo.ts';
import type { NewFile, RunInput, Transition } from './run-input.ts';

/** Half of a subject is for what happened. */
const RUN_MAX = 40;
/** The end of a name distinguishes runs of one workflow. */
const RUN_END = 11;

/** The commit message of a transition, without the trailer of the host that makes it. */
export interface ToldTransition {
  /** `<run>: <words>`, and what it comes to. */
  readonly subject: string;
  /** At most a screen; empty when the subject says all. */
  readonly text: string;
  readonly trailers: readonly Trailer[];
}

interface Said {
  readonly gist: string;
  readonly text: string;
}

/** What the commit of a transition says. */
export function tellTransition(
  { run, marker }: Pick<RunInput, 'run' | 'marker'>,
  { name, words, isNews = false, files }: Transition,
): ToldTransition {
  const routed = replyPath(marker.path, 'workflow');
  const isRoute = files.some(({ path }) => path === routed);
  const { gist, text } = files
    .map((file) => saidIn(file, routed))
    .find((said) => said !== null) ?? { gist: '', text: '' };
  return {
    subject: formatSubject(`${subjectStart(run)}${words}${gist === '' ? '' : `: ${gist}`}`),
    text: textForLog(text),
    trailers: [
      ...(isRoute
        ? [
            ['Re', messageId(marker.path)] as const,
            ['Channel', channelOf(marker.path)] as const,
            ...(files.some((file) => file.path === routed && isFailed(file))
              ? [['Failed', 'workflow'] as const, ['Detail', gist] as const]
              : []),
          ]
        : []),
      ['Run', run] as const,
      ['Transition', name] as const,
      ['Bookkeeping', isNews ? null : 'yes'] as const,
    ],
  };
}

/** What every subject of a run begins with; a long name is cut in its middle. */
export function subjectStart(run: string): string {
  return run.length <= RUN_MAX
    ? `${run}: `
    : `${run.slice(0, RUN_MAX - RUN_END - 1)}…${run.slice(-RUN_END)}: `;
}

/** True for the answer of a run that failed. */
function isFailed({ content }: Pick<NewFile, 'content'>): boolean {
  const read = readMessage(content);
  return read.kind === 'message' && read.message.fields.error === 'workflow';
}

/** What people want to read of a file; null = the words of the transition say it. */
function saidIn({ path, content, why }: NewFile, routed: string): Said | null {
  if (path === routed) {
    const text = bodyOf(content);
    return { gist: firstLine(why ?? text), text };
  }
  if (path.endsWith('.re.workflow.md')) return { gist: '', text: bodyOf(content) };
  if (path.endsWith('.json')) return saidInJson(path, content);
  return why === undefined ? null : { gist: '', text: why };
}

function saidInJson(path: string, content: string): Said | null {
  const json = parseJson(content);
  if (!isJsonObject(json)) return null;
  const { text, why } = json;
  if (path.endsWith('/decision.json'))
    return { gist: '', text: typeof text === 'string' ? text : '' };
  // Of a step that is skipped the words of the transition say it.
  return typeof why === 'string' && why !== 'if' ? { gist: '', text: why } : null;
}

function bodyOf(content: string): string {
  const read = readMessage(content);
  return read.kind === 'rejected' ? '' : read.message.body;
}
