/** What `CHANNEL.md` says of a channel: the name people use, its parent, what it is for. */
import { readFrontMatter } from '../../protocol/front-matter.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import { CHANNEL_RULE, isChannel, isPortable } from '../../protocol/names.ts';
import { romanName } from '../../protocol/person-name.ts';
import { CHANNEL_FILE, channelFolder, channelOf, CHANNELS } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { firstLine } from '../../protocol/reply.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { tipOf } from './reading.ts';

/** Where messages go when nothing is said. */
export const DEFAULT_CHANNEL = 'general';

/** One channel as it is described. Texts are of one line. */
export interface ChannelPage {
  readonly name: string | null;
  /** The channel that it is listed below. */
  readonly parent: string | null;
  readonly description: string;
}

/** The page of a channel; nothing is said where there is none. */
export async function readChannelPage(
  session: TransportSession,
  channel: string,
): Promise<ChannelPage> {
  const path = `${channelFolder(channel)}/${CHANNEL_FILE}`;
  const text = await readTextAt(session.repository, tipOf(session), path);
  return parseChannelPage(channel, text === null ? null : Buffer.from(text));
}

/** The same from the bytes of its page; null = it has none. */
export function parseChannelPage(channel: string, bytes: Uint8Array | null): ChannelPage {
  const read = bytes === null ? null : readFrontMatter(bytes);
  if (read?.kind !== 'read') return { name: null, parent: null, description: '' };
  const own = (key: string): string | null => {
    const value = Object.hasOwn(read.fields, key) ? read.fields[key] : null;
    return typeof value === 'string' && value.trim() !== '' ? oneLine(value.trim(), 300) : null;
  };
  const parent = own('parent');
  return {
    name: own('name') === channel ? null : own('name'),
    parent: parent !== null && isChannel(parent) ? parent : null,
    description: own('description') ?? oneLine(firstLine(read.body), 300),
  };
}

/** Every channel that has a page, also one without a message. */
export async function describedChannels(session: TransportSession): Promise<readonly string[]> {
  const to = tipOf(session);
  const changes = await session.repository.diff({ from: null, to, under: CHANNELS });
  return changes.flatMap(({ path }) => {
    const name = channelOf(path);
    return name !== null && path === `${channelFolder(name)}/${CHANNEL_FILE}` ? [name] : [];
  });
}

/**
 * The channel that a person means: a folder that stands, else the one whose page has that name, in
 * any case; null when there is neither. Pages are looked through for what is not a folder only.
 */
export async function findChannel(session: TransportSession, text: string): Promise<string | null> {
  if (isChannel(text)) {
    const [entry] = await session.repository.lookUp(tipOf(session), [channelFolder(text)]);
    if (entry != null) return text;
  }
  const wanted = plainName(text);
  for (const channel of await describedChannels(session))
    if (plainName((await readChannelPage(session, channel)).name ?? '') === wanted) return channel;
  return null;
}

/** Channels, those of runs among them, whose names begin with `text`. */
export async function channelsFrom(
  session: TransportSession,
  text: string,
): Promise<readonly string[]> {
  if (text.length < 2) return [];
  const entries = await session.repository.list(tipOf(session), CHANNELS);
  return entries.flatMap(({ name }) => (isChannel(name) && name.startsWith(text) ? [name] : []));
}

/**
 * The channel that `--channel` means, which may be a new one. Throws USAGE for what is not a name,
 * or that some machine cannot have as a folder.
 */
export async function chooseChannel(session: TransportSession, text: string): Promise<string> {
  const found = text === DEFAULT_CHANNEL ? text : await findChannel(session, text);
  if (found !== null) return found;
  if (isChannel(text) && isPortable(text)) return text;
  if (isChannel(text))
    throw new CrosstalkError(
      'USAGE',
      `--channel "${text}": Windows has no folder of that name, and could not clone it`,
      { fix: withNote(fixBy`crosstalkd channels`, 'or another name for a new one') },
    );
  const made = (romanName(text) ?? '').replaceAll(/[._]/g, '-');
  throw new CrosstalkError('USAGE', `--channel "${text}" is not a channel: ${CHANNEL_RULE}`, {
    fix: isChannel(made)
      ? withNote(fixBy`crosstalkd channels`, `or a new one: --channel ${made}`)
      : fixBy`crosstalkd channels`,
  });
}

/** Two spellings of one name. */
function plainName(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}
