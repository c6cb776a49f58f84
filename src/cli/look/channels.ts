/**
 * `crosstalkd channels`: the channels, what they are for, how much was said in them and when last.
 */
import { decodeTime } from 'ulid';
import { formatIso } from '../../base/clock.ts';
import { byCodeUnit } from '../../base/order.ts';
import { readFrontMatter } from '../../protocol/front-matter.ts';
import { CHANNEL_FILE, channelFolder, channelOf, CHANNELS, ulidOf } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { readTextAt } from '../../transport/read-changes.ts';
import type { Invocation } from '../command.ts';
import { formatTable } from '../display-width.ts';
import { openNames } from './message-state.ts';
import { formatTime } from './print-message.ts';
import { listAll, type ListedFile, listFiles } from './read-conversation.ts';
import { printJson, tipOf, wantsJson, withSession } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/**
 * Commits whose times are looked at; what lies further back is dated by the ids of its messages.
 */
const COMMITS_LOOKED_AT = 300;
/** Hand-named files of a quiet channel whose commits are asked for. */
const FILES_ASKED = 50;

interface Channel {
  readonly name: string;
  readonly description: string;
  readonly messages: number;
  readonly replies: number;
  readonly open: number;
  readonly lastMs: number | null;
}

/** Prints one line a channel. */
export function listChannels(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const channels = await readChannels(session);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: 'good',
        channels: channels.map(({ lastMs, ...channel }) => ({
          ...channel,
          last: lastMs === null ? null : formatIso(lastMs),
        })),
      });
    else {
      const { io } = invocation;
      const rows = channels.map((channel) => [
        channel.name,
        String(channel.messages),
        String(channel.open),
        channel.lastMs === null ? '-' : formatTime(channel.lastMs, io.columns),
        channel.description,
      ]);
      for (const line of formatTable(
        [['CHANNEL', 'MESSAGES', 'OPEN', 'LAST', 'ABOUT'], ...rows],
        io.columns,
      ))
        io.print(line);
    }
    return channels.length === 0 ? 3 : 0;
  });
}

async function readChannels(session: TransportSession): Promise<readonly Channel[]> {
  const byChannel = groupBy(await listAll(session));
  const names = new Set([...byChannel.keys(), ...(await describedChannels(session))]);
  const recent = await readRecentTimes(session);
  const open = groupBy(
    [...session.mirror.index().messages.values()].filter(
      ({ path }) => openNames(session, path).length > 0,
    ),
  );
  return Promise.all(
    [...names].sort(byCodeUnit).map(async (name): Promise<Channel> => {
      const files = byChannel.get(name) ?? [];
      const replies = files.filter(({ replyTo }) => replyTo !== null).length;
      return {
        name,
        description: await describe(session, name),
        messages: files.length - replies,
        replies,
        open: open.get(name)?.length ?? 0,
        lastMs: recent.get(name) ?? (await dateQuiet(session, files)),
      };
    }),
  );
}

/** Channels that have a description and no message yet. */
async function describedChannels(session: TransportSession): Promise<readonly string[]> {
  const changes = await session.repository.diff({
    from: null,
    to: tipOf(session),
    under: CHANNELS,
  });
  return changes.flatMap(({ path }) => {
    const name = channelOf(path);
    return name !== null && path === `${channelFolder(name)}/${CHANNEL_FILE}` ? [name] : [];
  });
}

async function describe(session: TransportSession, name: string): Promise<string> {
  const text = await readTextAt(
    session.repository,
    tipOf(session),
    `${channelFolder(name)}/${CHANNEL_FILE}`,
  );
  const read = text === null ? null : readFrontMatter(Buffer.from(text));
  const description = read?.kind === 'read' ? read.fields['description'] : undefined;
  return typeof description === 'string' ? oneLine(description, 300) : '';
}

/** Channel → time of the newest commit that wrote in it, as far back as is looked. */
async function readRecentTimes(session: TransportSession): Promise<ReadonlyMap<string, number>> {
  const to = tipOf(session);
  const commits = await session.repository.history({ from: null, to, max: COMMITS_LOOKED_AT });
  const from = commits.length < COMMITS_LOOKED_AT ? null : (commits[0]?.parents[0] ?? null);
  const files = await listFiles(session.repository, { from, to, channel: null });
  const adding = await session.repository.findAddingCommits(
    files.map(({ path }) => path),
    { from, to },
  );
  const times = new Map<string, number>();
  for (const { path, channel } of files) {
    const atMs = adding.get(path)?.authoredMs;
    if (atMs !== undefined) times.set(channel, Math.max(atMs, times.get(channel) ?? 0));
  }
  return times;
}

async function dateQuiet(
  session: TransportSession,
  files: readonly ListedFile[],
): Promise<number | null> {
  const times = files.flatMap(({ stem }) => ulidOf(stem) ?? []).map((ulid) => decodeTime(ulid));
  if (times.length > 0) return times.reduce((a, b) => Math.max(a, b));
  if (files.length === 0) return null;
  const asked = files.slice(-FILES_ASKED).map(({ path }) => path);
  const adding = await session.repository.findAddingCommits(asked, {
    from: null,
    to: tipOf(session),
  });
  return [...adding.values()].reduce<number | null>(
    (latest, { authoredMs }) => Math.max(latest ?? 0, authoredMs),
    null,
  );
}

function groupBy<T extends { readonly channel: string }>(
  values: readonly T[],
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(value.channel);
    if (group === undefined) groups.set(value.channel, [value]);
    else group.push(value);
  }
  return groups;
}
