/**
 * `crosstalkd channels`: the channels, what they are for, how much was said in them and when last.
 */
import { decodeTime } from 'ulid';
import { formatIso } from '../../base/clock.ts';
import { groupBy } from '../../base/group-by.ts';
import { byCodeUnit } from '../../base/order.ts';
import { ulidOf } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { formatTable } from '../../base/display-width.ts';
import { describedChannels, readChannelPage } from './channel-names.ts';
import { openNames } from './message-state.ts';
import { formatTime } from './print-message.ts';
import { listAll, type ListedFile, listFiles } from './read-conversation.ts';
import { printGood, tipOf, wantsJson, withSession } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/**
 * Commits whose times are looked at; what lies further back is dated by the ids of its messages.
 */
const COMMITS_LOOKED_AT = 300;
/** Channels below channels are moved in so far. */
const DEPTH_MAX = 5;
/** Hand-named files of a quiet channel whose commits are asked for. */
const FILES_ASKED = 50;

interface Channel {
  /** Its folder. */
  readonly name: string;
  /** What people call it, and what it is listed below. */
  readonly title: string | null;
  readonly parent: string | null;
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
      printGood(invocation, {
        channels: channels.map(({ lastMs, ...channel }) => ({
          ...channel,
          last: lastMs === null ? null : formatIso(lastMs),
        })),
      });
    else {
      const { io } = invocation;
      const rows = nest(channels).map(({ channel, depth }) => [
        `${'  '.repeat(depth)}${channel.title === null ? channel.name : `${channel.title} (${channel.name})`}`,
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
  const byChannel = groupBy(await listAll(session), ({ channel }) => channel);
  const names = new Set([...byChannel.keys(), ...(await describedChannels(session))]);
  const recent = await readRecentTimes(session);
  const open = groupBy(
    [...session.mirror.index().messages.values()].filter(
      ({ path }) => openNames(session, path).length > 0,
    ),
    ({ channel }) => channel,
  );
  return Promise.all(
    [...names].sort(byCodeUnit).map(async (name): Promise<Channel> => {
      const files = byChannel.get(name) ?? [];
      const replies = files.filter(({ replyTo }) => replyTo !== null).length;
      const page = await readChannelPage(session, name);
      return {
        name,
        title: page.name,
        parent: page.parent,
        description: page.description,
        messages: files.length - replies,
        replies,
        open: open.get(name)?.length ?? 0,
        lastMs: recent.get(name) ?? (await dateQuiet(session, files)),
      };
    }),
  );
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

/** Each below its parent, as deep as that goes; a circle of parents ends where it began. */
function nest(
  channels: readonly Channel[],
): readonly { readonly channel: Channel; readonly depth: number }[] {
  const names = new Set(channels.map(({ name }) => name));
  const children = groupBy(channels, ({ name, parent }) =>
    parent !== null && names.has(parent) && parent !== name ? parent : '',
  );
  const placed = new Set<string>();
  const rows: { channel: Channel; depth: number }[] = [];
  const place = (channel: Channel, depth: number): void => {
    if (placed.has(channel.name)) return;
    placed.add(channel.name);
    rows.push({ channel, depth: Math.min(depth, DEPTH_MAX) });
    for (const child of children.get(channel.name) ?? []) place(child, depth + 1);
  };
  for (const channel of [...(children.get('') ?? []), ...channels]) place(channel, 0);
  return rows;
}
