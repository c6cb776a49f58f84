/** What one attempt is given: the claimed bytes, the persona and the thread, as a prompt. */
import { decodeMessage } from '../protocol/message.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { composePrompt } from '../protocol/prompt.ts';
import { readTextAt } from '../transport/read-changes.ts';
import type { Dispatcher, Held } from './dispatcher.ts';
import { readThread } from './read-thread.ts';

export interface AttemptInput {
  readonly prompt: string;
  /** The bare text of the message. */
  readonly message: string;
  readonly persona: string | null;
  readonly session: string | null;
}

/** The input of the next invocation for a held claim. The agent gets exactly the claimed blob, whatever the file says by now. */
export async function composeAttemptPrompt(dispatcher: Dispatcher, held: Held, threadBytesMax: number): Promise<AttemptInput> {
  const { doors, settings, mirror } = dispatcher;
  const { message } = held.work;
  const [blob] = await doors.repository.readBlobs([held.claim.blob], MESSAGE_BYTES_MAX);
  const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes) : null;
  const fields = read?.kind === 'message' ? read.message.fields : null;
  const tip = mirror.index().tip;
  const query = {
    path: message.path,
    re: fields?.re ?? [],
    recipient: held.work.recipient,
    alias: settings.alias,
    messagesMax: settings.threadMessagesMax,
  };
  const thread = tip === null ? { entries: [], session: null } : await readThread(doors.repository, { tip, ...query });
  const persona = fields?.as == null || tip === null ? null : await readTextAt(doors.repository, tip, fields.as);
  const body = read?.kind === 'message' ? read.message.body : '';
  const prompt = composePrompt({
    recipient: held.work.recipient,
    host: settings.alias,
    from: message.from,
    channel: message.channel,
    path: message.path,
    subject: fields?.subject ?? null,
    timestampMs: message.timestampMs,
    persona: null,
    thread: thread.entries,
    threadBytesMax,
    body,
  });
  return { prompt, message: body, persona, session: thread.session };
}
