/** The filters that `log` and `search` share: who, to whom, which model, only failures, since when. */
import { CrosstalkError } from '../base/errors.ts';
import { suggestName } from '../protocol/address.ts';
import { isChannel } from '../protocol/names.ts';
import { given, type Invocation, option } from './command.ts';
import { listAll, type Said } from './read-conversation.ts';
import { sinceOption } from './reading.ts';
import type { TransportSession } from './transport-session.ts';

/** A test for messages by the options given. */
export function createFilter(invocation: Invocation): (said: Said) => boolean {
  const name = (key: string): string | null => option(invocation, key)?.toLowerCase() ?? null;
  const [from, to, model, sinceMs] = [name('from'), name('to'), name('model'), sinceOption(invocation)];
  const failed = given(invocation, 'failed');
  return (said) =>
    (from === null || said.from === from) &&
    (to === null || isTo(said, to)) &&
    (model === null || said.message.fields.model === model || (said.file.replyTo?.recipient ?? null) === model || isTo(said, model)) &&
    (!failed || said.message.fields.failed) &&
    (sinceMs === null || said.atMs >= sinceMs);
}

function isTo({ message, to }: Said, name: string): boolean {
  return message.fields.to.some((address) => address.name === name) || to.includes(name);
}

/** A channel by name, when one was given. Throws NOT_FOUND naming what is there instead. */
export async function requireChannel(session: TransportSession, name: string | null): Promise<string | null> {
  if (name === null) return null;
  if (isChannel(name) && (await listAll(session, name)).length > 0) return name;
  const channels = [...new Set((await listAll(session)).map(({ channel }) => channel))];
  if (channels.includes(name)) return name;
  const near = suggestName(name, channels);
  throw new CrosstalkError('NOT_FOUND', `there is nothing in a channel "${name}"${near === null ? '' : `; did you mean "${near}"?`}`, {
    fix: 'crosstalkd channels',
  });
}
