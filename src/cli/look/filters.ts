/**
 * The filters that `log` and `search` share: who, to whom, which model, only failures, since when.
 */
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { suggestName } from '../../protocol/address.ts';
import { isChannel } from '../../protocol/names.ts';
import { channelFolder } from '../../protocol/paths.ts';
import { given, type Invocation, option } from '../command.ts';
import { type Filter, listAll, type Said } from './read-conversation.ts';
import { archiveOf } from './read-archive.ts';
import { sinceOption, tipOf } from './reading.ts';
import { channelsFrom, findChannel } from './channel-names.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { meantName } from '../../protocol/person-name.ts';
import { personNamed } from '../../protocol/people.ts';

/** A test for messages by the options given. */
export function createFilter(invocation: Invocation, { mirror }: TransportSession): Filter {
  const name = (key: string): string | null => {
    const text = option(invocation, key);
    return text === null ? null : (personNamed(mirror.index().called, text) ?? meantName(text));
  };
  const [from, to, model, sinceMs] = [
    name('from'),
    name('to'),
    name('model'),
    sinceOption(invocation),
  ];
  const failed = given(invocation, 'failed');
  return {
    isOpen: [from, to, model, sinceMs].every((one) => one === null) && !failed,
    fits: (said) =>
      (from === null || said.from === from) &&
      (to === null || isTo(said, to)) &&
      (model === null ||
        said.message.fields.model === model ||
        (said.file.replyTo?.recipient ?? null) === model ||
        isTo(said, model)) &&
      (!failed || said.message.fields.failed) &&
      (sinceMs === null || said.atMs >= sinceMs),
    mayFit: createQuickLook({ names: [to, from].filter((one) => one !== null), from, failed }),
  };
}

/**
 * What a file has to contain somewhere to fit: decoding tens of thousands of heads takes seconds,
 * looking through their bytes does not.
 */
function createQuickLook(wanted: {
  readonly names: readonly string[];
  readonly from: string | null;
  readonly failed: boolean;
}) {
  return (bytes: Uint8Array): boolean => {
    if (wanted.names.length === 0 && !wanted.failed) return true;
    const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
      .toString('latin1')
      .toLowerCase();
    const end = text.indexOf('\n---', 3);
    const head = end < 0 ? text : text.slice(0, end);
    // YAML may spell any of it with escapes, names may be of any script, and a file that does not
    // say who wrote it is the committer's.
    if (/[^\u0020-\u007e\s]|\\/.test(head)) return true;
    if (wanted.failed && !head.includes('failed')) return false;
    return wanted.names.every(
      (name) => head.includes(name) || (name === wanted.from && !head.includes('from:')),
    );
  };
}

function isTo({ message, to }: Said, name: string): boolean {
  return message.fields.to.some((address) => address.name === name) || to.includes(name);
}

/** A channel by name, when one was given. Throws NOT_FOUND naming what is there instead. */
export async function requireChannel(
  session: TransportSession,
  name: string | null,
): Promise<string | null> {
  if (name === null) return null;
  // Nothing of it is listed to see that it stands: it may have a hundred thousand messages.
  if (isChannel(name) && (await hasFolder(session, tipOf(session), name))) return name;
  const archive = await archiveOf(session);
  if (archive !== null && isChannel(name) && (await hasFolder(session, archive, name))) return name;
  const named = await findChannel(session, name);
  if (named !== null) return named;
  const [only, ...others] = await channelsFrom(session, name);
  if (only !== undefined && others.length === 0) return only;
  const channels = [...new Set((await listAll(session)).map(({ channel }) => channel))];
  const near = suggestName(name, channels);
  throw new CrosstalkError(
    'NOT_FOUND',
    `there is nothing in a channel "${name}"${near === null ? '' : `; did you mean "${near}"?`}`,
    { fix: 'crosstalkd channels' },
  );
}

async function hasFolder(session: TransportSession, commit: Oid, name: string): Promise<boolean> {
  const [entry] = await session.repository.lookUp(commit, [channelFolder(name)]);
  return entry?.kind === 'tree';
}
