/** What `CHANNEL.md` says of a channel: the name people use, its parent, what it is for. */
import { readFrontMatter } from '../../protocol/front-matter.ts';
import { isChannel } from '../../protocol/names.ts';
import { CHANNEL_FILE, channelFolder, channelOf, CHANNELS } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { firstLine } from '../../protocol/reply.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { tipOf } from './reading.ts';

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
  const read = text === null ? null : readFrontMatter(Buffer.from(text));
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

/** Two spellings of one name. */
function plainName(text: string): string {
  return text.trim().normalize('NFC').toLowerCase();
}
