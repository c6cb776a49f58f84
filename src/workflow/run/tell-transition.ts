/**
 * A transition as people read it in `git log`: who decided what, what was asked of whom, why, and
 * the answer that came back. Pure.
 */
import type { Trailer } from '../../protocol/trailers.ts';
import { channelOf, messageId, parseGatePath, replyPath } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { firstLine, textForLog } from '../../protocol/reply.ts';
import { isJsonObject, parseJson } from '../language/json.ts';
import { readMessage } from './message-memo.ts';
import { errorsAskedAbout } from './prompt-text.ts';
import type { NewFile, RunInput, Transition } from './run-input.ts';

const SUBJECT_MAX = 100;

/** The commit message of a transition, without the trailer of the host that makes it. */
export interface ToldTransition {
  /** `workflow <run>: <name>`, and what it comes to. */
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
  { name, files }: Transition,
): ToldTransition {
  const routed = replyPath(marker.path, 'workflow');
  const isRoute = files.some(({ path }) => path === routed);
  const { gist, text } = files
    .map((file) => saidIn(file, routed))
    .find((said) => said !== null) ?? { gist: '', text: '' };
  return {
    subject: oneLine(`workflow ${run}: ${name}${gist === '' ? '' : `: ${gist}`}`, SUBJECT_MAX),
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
    ],
  };
}

/** True for the answer of a run that failed. */
function isFailed({ content }: Pick<NewFile, 'content'>): boolean {
  const read = readMessage(content);
  return read.kind === 'message' && read.message.fields.error === 'workflow';
}

/** What people want to read of a file; null = the name of the transition says it. */
function saidIn({ path, content }: NewFile, routed: string): Said | null {
  if (path === routed) {
    const text = bodyOf(content);
    const reason = isFailed({ content }) ? /^- (.+)$/m.exec(text)?.[1] : undefined;
    return { gist: reason ?? firstLine(text), text };
  }
  if (path.endsWith('.re.workflow.md')) return { gist: '', text: bodyOf(content) };
  if (path.endsWith('.json')) return saidInJson(path, content);
  if (parseGatePath(path) !== null) {
    const read = readMessage(content);
    if (read.kind === 'rejected') return null;
    const { to, subject } = read.message.fields;
    return { gist: `${subject ?? ''} (${to.map(({ name }) => name).join(', ')})`, text: '' };
  }
  const errors = errorsAskedAbout(content);
  return errors === '' ? null : { gist: '', text: errors };
}

function saidInJson(path: string, content: string): Said | null {
  const json = parseJson(content);
  if (!isJsonObject(json)) return null;
  const { by, text, why } = json;
  if (path.endsWith('/decision.json'))
    return {
      gist: Array.isArray(by) ? by.join(', ') : '',
      text: typeof text === 'string' ? text : '',
    };
  return typeof why === 'string' && why.includes(' ') ? { gist: '', text: why } : null;
}

function bodyOf(content: string): string {
  const read = readMessage(content);
  return read.kind === 'rejected' ? '' : read.message.body;
}
