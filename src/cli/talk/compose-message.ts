/**
 * What `send` publishes: the file of a new message, its path, and the commit in which people read
 * it. Pure.
 */
import { formatTrailers } from '../../protocol/trailers.ts';
import { CrosstalkError } from '../../base/errors.ts';
import type { Rejection } from '../../protocol/rejection.ts';
import {
  decodeMessage,
  formatMessage,
  type Message,
  type NewMessage,
} from '../../protocol/message.ts';
import { messageId, parseGatePath } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { firstLine, textForLog } from '../../protocol/reply.ts';
import { formatSubject } from '../../protocol/subject.ts';
import { fixBy } from '../../base/fix.ts';

/** A file to be published as a message. */
export interface Letter {
  readonly path: string;
  readonly content: string | Uint8Array;
  readonly message: Message;
  /** Files that go with it, at their paths in the transport; absent = none. */
  readonly attachments?: readonly { readonly path: string; readonly bytes: Uint8Array }[];
}

/**
 * The file of a new message. What would be written is read again first: nothing is sent that others
 * could not read. Throws MESSAGE_REJECTED.
 */
export function composeLetter(path: string, fields: NewMessage, body: string): Letter {
  const content = formatMessage(fields, body);
  return { path, content, message: requireMessage(path, Buffer.from(content), { at: path }) };
}

/**
 * The message in the bytes of a file, which is `fileName` where it is on a disk and will stand `at`
 * this path, to which `re:` may be relative. Throws MESSAGE_REJECTED saying where and why.
 */
export function requireMessage(
  name: string,
  bytes: Uint8Array,
  { fileName = '<file>', at }: { readonly fileName?: string; readonly at?: string } = {},
): Message {
  const read = decodeMessage(bytes, at);
  if (read.kind === 'message') return read.message;
  const { line, column } = read.rejection;
  const text = new TextDecoder().decode(bytes.subarray(0, MESSAGE_BYTES_MAX));
  throw new CrosstalkError('MESSAGE_REJECTED', `${name}:${formatRejection(read.rejection)}`, {
    fix: fixBy`crosstalkd lint ${fileName}`,
    excerpts: [{ text, line, column }],
  });
}

/** `3: found …; expected …`: the line, then what is wrong with it. */
export function formatRejection({ line, found, expected }: Rejection): string {
  return `${line}: found ${oneLine(found, 300)}; expected ${oneLine(expected, 300)}`;
}

/**
 * `maintainer → opus: <first line>`, the beginning of the text, and the trailers that replies have
 * too. An answer to a gate is one to the gate, no matter who reads it:
 * `maintainer → gate ok of docs-1: approve, it reads well`.
 */
export function composeCommitMessage(
  letter: Letter,
  who: {
    readonly from: string;
    readonly to: string;
    readonly channel: string;
    readonly said?: string | null;
  },
): string {
  const { fields, body } = letter.message;
  const [gate] = fields.re.flatMap((path) => parseGatePath(path) ?? []);
  const to = gate === undefined ? who.to : `gate ${gate.gate} of ${gate.run}`;
  const said =
    who.said ?? (gate === undefined ? (fields.subject ?? firstLine(body)) : firstTwoLines(body));
  const subject = formatSubject(`${who.from} → ${to}${said === '' ? '' : `: ${said}`}`);
  const text = textForLog(body);
  const trailers = formatTrailers([
    ...fields.re.map((path) => ['Re', messageId(path)] as const),
    ['Channel', who.channel],
  ]);
  return `${subject}\n\n${text === '' ? '' : `${text}\n\n`}${trailers}`;
}

/** A decision and its reason. */
function firstTwoLines(body: string): string {
  return body
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, 2)
    .join(', ');
}
