/** `crosstalkd show <id>`: one message, how it stands, and every answer to it. */
import { type Invocation, given } from '../command.ts';
import { type AttachmentSeen, formatAttachments, listAttachments } from './show-attachments.ts';
import { paint, plain } from '../io.ts';
import { explainMessage } from './explain-message.ts';
import { lookFrom } from './look-around.ts';
import { type Answer, readStates } from './message-state.ts';
import {
  bodyOf,
  formatEffort,
  formatTime,
  formatUnreadable,
  formatWhole,
  replyFacts,
  type Shown,
  toJson,
  unreadableToJson,
  whoSaid,
} from './print-message.ts';
import { type ListedFile, readSaid, type Said } from './read-conversation.ts';
import { printGood, printJson, wantsJson, withSession } from './reading.ts';
import { resolveId } from './resolve-id.ts';
import { showTranscripts } from './show-transcript.ts';
import { isHeldUp } from './status-needs.ts';
import { printParts } from './why.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy } from '../../base/fix.ts';

/** Prints one message with its answers; with --raw the file as it is. */
export function showMessage(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const file = await resolveId(session, invocation.args[0] ?? '');
    if (given(invocation, 'raw')) return showRaw(invocation, session, file);
    if (given(invocation, 'transcript'))
      return showTranscripts(invocation, session, file.replyTo?.path ?? file.path);
    const { said, unreadable } = await readSaid(session, [file]);
    const [message] = said;
    const [broken] = unreadable;
    if (message === undefined) {
      if (broken === undefined)
        throw new CrosstalkError('INTERNAL', `${file.path} was neither read nor rejected`);
      if (wantsJson(invocation))
        printJson(invocation, {
          ok: false,
          health: 'degraded',
          rejected: unreadableToJson(broken),
        });
      else
        invocation.io.print(
          `${formatUnreadable(invocation.io, broken)}\n  crosstalkd show --raw prints the file as it is`,
        );
      return 1;
    }
    const [state] = await readStates(session, [message]);
    if (state === undefined) throw new CrosstalkError('INTERNAL', `${file.path} has no state`);
    const listed = await Promise.all(
      [message, ...state.replies].map((one) => listAttachments(session, one)),
    );
    print(
      invocation,
      { said: message, state },
      new Map(listed.map((files, at) => [[message, ...state.replies][at]?.file.path ?? '', files])),
    );
    if (!wantsJson(invocation)) await printMissing(invocation, session, { said: message, state });
    return 0;
  });
}

function print(
  invocation: Invocation,
  shown: Shown,
  files: ReadonlyMap<string, readonly AttachmentSeen[]>,
): void {
  const filesOf = ({ file }: Said): readonly AttachmentSeen[] => files.get(file.path) ?? [];
  const { io } = invocation;
  if (wantsJson(invocation)) {
    const replies = shown.state.replies.map((reply) => ({
      path: reply.file.path,
      from: reply.from,
      state: reply.state,
      ...replyFacts(reply),
      body: reply.message.body,
      files: filesOf(reply),
    }));
    printGood(invocation, {
      message: { ...toJson(shown, { withBody: true }), files: filesOf(shown.said), replies },
    });
    return;
  }
  for (const line of [...formatWhole(io, shown), ...formatAttachments(filesOf(shown.said))])
    io.print(line);
  for (const reply of shown.state.replies)
    io.print(
      [
        `\n${replyHead(invocation, reply)}\n\n${bodyOf(reply)}`,
        ...formatAttachments(filesOf(reply)),
      ].join('\n'),
    );
}

/** What holds up each answer that is still missing, as `why` says it. */
async function printMissing(
  { io }: Invocation,
  session: TransportSession,
  { said, state }: Shown,
): Promise<void> {
  if (state.open.length === 0) return;
  const around = await lookFrom(session);
  const { parts } = await explainMessage(around, said.file);
  io.print('\nStill open');
  const open = parts.filter(({ name }) => name !== null && state.open.includes(name));
  printParts(io, open, !isHeldUp(around));
}

function replyHead({ io }: Invocation, reply: Answer): string {
  const { failed, error } = reply.message.fields;
  const effort = formatEffort(reply);
  const mark = reply.state === 'edited' ? ' (edited)' : '';
  const title = `── ${whoSaid(reply)}${mark}${failed ? ` ✗ ${oneLine(error ?? 'failed', 40)}` : ''}, ${formatTime(reply.atMs, io.columns)}${effort === null ? '' : ` (${oneLine(effort, 120)})`}`;
  return paint(io, failed ? 'red' : 'bold', title);
}

/** A pipe gets every character of the file; a terminal gets no control codes even so. */
async function showRaw(
  invocation: Invocation,
  session: TransportSession,
  file: ListedFile,
): Promise<number> {
  const [blob] = await session.repository.readBlobs([file.blob], 16 * MESSAGE_BYTES_MAX);
  if (blob?.kind !== 'bytes')
    throw new CrosstalkError('REFUSED', `${file.path} is too large to show`, {
      fix: fixBy`git show HEAD:${file.path}`,
    });
  const text = Buffer.from(blob.bytes).toString('utf8');
  if (wantsJson(invocation)) printGood(invocation, { path: file.path, raw: text });
  else invocation.io.write(invocation.io.isTerminal ? plain(text) : text);
  return 0;
}
