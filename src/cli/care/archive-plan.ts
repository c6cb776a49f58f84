/**
 * What `archive` decides on: every channel of a tip as protocol/archive.ts wants to see it, and
 * what still needs them.
 */
import type { Oid } from '../../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import {
  type ArchiveChoice,
  type ArchiveWish,
  type ChannelSeen,
  selectArchive,
  type StillNeeded,
} from '../../protocol/archive.ts';
import { decodeMessage } from '../../protocol/message.ts';
import {
  archivedChannel,
  channelOf,
  CHANNELS,
  claimKey,
  identityOf,
  parseMessagePath,
  runFiles,
} from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { TreeChange } from '../../transport/repository.ts';
import { parseHeader } from '../../workflow/run/header.ts';
import { type ListedFile, readSaid } from '../look/read-conversation.ts';
import { tipOf } from '../look/reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

type Standing = Extract<TreeChange, { kind: 'written' }>;

export interface ArchivePlan extends ArchiveChoice {
  readonly tip: Oid;
  /** Every file of the chosen channels. */
  readonly files: readonly Standing[];
}

/** Chooses at the tip that the session has read up to. */
export async function planArchive(
  session: TransportSession,
  wish: ArchiveWish,
): Promise<ArchivePlan> {
  const tip = tipOf(session);
  const changes = await session.repository.diff({ from: null, to: tip, under: CHANNELS });
  const byChannel = groupByChannel(changes);
  const channels = await Promise.all(
    [...byChannel].map(([channel, files]) => seeChannel(session, channel, { files, wish })),
  );
  const choice = selectArchive(channels, await findNeeded(session, byChannel), wish);
  return {
    ...choice,
    tip,
    files: choice.chosen.flatMap(({ channel }) => byChannel.get(channel) ?? []),
  };
}

function groupByChannel(changes: readonly TreeChange[]): ReadonlyMap<string, readonly Standing[]> {
  const groups = new Map<string, Standing[]>();
  for (const change of changes) {
    const channel = channelOf(change.path);
    if (change.kind !== 'written' || channel === null) continue;
    groups.set(channel, [...(groups.get(channel) ?? []), change]);
  }
  for (const { path } of changes) groups.delete(archivedChannel(path) ?? '');
  return groups;
}

async function seeChannel(
  session: TransportSession,
  channel: string,
  { files, wish }: { readonly files: readonly Standing[]; readonly wish: ArchiveWish },
): Promise<ChannelSeen> {
  const messages = listMessages(files);
  const header = parseHeader(
    (await readTextAt(session.repository, tipOf(session), runFiles(channel).header)) ?? '',
  );
  const needsTimes = wish.beforeMs !== null && wish.channels === null;
  const { said } = needsTimes ? await readSaid(session, messages) : { said: [] };
  return {
    channel,
    messages: messages.length,
    newestMs: said.reduce((newest, { atMs }) => Math.max(newest, atMs), 0),
    run:
      header === null
        ? null
        : {
            ended: files.some(({ path }) => path === runFiles(channel).complete),
            parent: channelOf(header.marker),
          },
    odd: files.filter(({ entry }) => entry === 'other').map(({ path }) => path),
  };
}

function listMessages(files: readonly Standing[]): readonly ListedFile[] {
  return files.flatMap(({ path, blob }) => {
    const parsed = parseMessagePath(path);
    return parsed === null ? [] : [{ ...parsed, blob }];
  });
}

async function findNeeded(
  session: TransportSession,
  byChannel: ReadonlyMap<string, readonly Standing[]>,
): Promise<StillNeeded> {
  const { messages, superseded, retried } = session.mirror.index();
  const waiting = [...messages.values(), ...superseded.values()];
  const open = new Set(waiting.map(({ channel }) => channel));
  for (const [channel, files] of byChannel) {
    const header = await readHeader(session, channel, files);
    if (header !== null && messages.has(header.marker)) open.add(channel);
  }
  const closes = new Map<string, Set<string>>();
  for (const [by, path] of retried) {
    const [from, to] = [channelOf(by), channelOf(path)];
    if (from !== null && to !== null && from !== to)
      closes.set(from, (closes.get(from) ?? new Set()).add(to));
  }
  const threads = await readThreads(
    session,
    waiting.map(({ path }) => path),
  );
  const referred = new Set([...threads].flatMap((path) => channelOf(path) ?? []));
  for (const channel of open) {
    const fork = (await readHeader(session, channel, byChannel.get(channel) ?? []))?.fork;
    if (fork != null) referred.add(fork.run);
  }
  return { open, claimed: findClaimed(session, byChannel), referred, closes };
}

async function readHeader(session: TransportSession, channel: string, files: readonly Standing[]) {
  const path = runFiles(channel).header;
  return files.some((file) => file.path === path)
    ? parseHeader((await readTextAt(session.repository, tipOf(session), path)) ?? '')
    : null;
}

/**
 * Every path that open messages answer, and what those answer in turn. The messages themselves are
 * not among them.
 */
async function readThreads(
  session: TransportSession,
  open: readonly string[],
): Promise<ReadonlySet<string>> {
  const [seen, found] = [new Set(open), new Set<string>()];
  for (let frontier = open; frontier.length > 0;) {
    const entries = await session.repository.lookUp(tipOf(session), frontier);
    const files = frontier.flatMap((path, at) => {
      const entry = entries[at];
      return entry?.kind === 'file' ? [{ path, oid: entry.oid }] : [];
    });
    const blobs = await session.repository.readBlobs(
      files.map(({ oid }) => oid),
      MESSAGE_BYTES_MAX,
    );
    const above = files.flatMap(({ path }, at) => {
      const blob = blobs[at];
      const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes, path) : null;
      return read?.kind === 'message'
        ? [...read.message.fields.re, ...(read.message.fields.retries ?? '').split('\n')]
        : [];
    });
    frontier = [...new Set(above)].filter(
      (path) => parseMessagePath(path) !== null && !seen.has(path),
    );
    for (const path of frontier) {
      seen.add(path);
      found.add(path);
    }
  }
  return found;
}

/**
 * Channels with a claim on one of their messages, answered or not, as the remote showed it when the
 * session was opened.
 */
function findClaimed(
  { listing, refs }: TransportSession,
  byChannel: ReadonlyMap<string, readonly Standing[]>,
): ReadonlySet<string> {
  const claims = new Set(
    [...listing.refs.keys()].flatMap((ref) =>
      ref.startsWith(refs.claims) ? [ref.slice(refs.claims.length)] : [],
    ),
  );
  const hasClaim = (file: ListedFile): boolean => {
    const original = file.replyTo === null ? null : parseMessagePath(file.replyTo.path);
    const recipient = file.replyTo?.recipient;
    return (
      original !== null &&
      recipient !== undefined &&
      claims.has(claimKey({ channel: file.channel, identity: identityOf(original), recipient }))
    );
  };
  return new Set(
    [...byChannel].flatMap(([channel, files]) =>
      claims.size > 0 && listMessages(files).some(hasClaim) ? [channel] : [],
    ),
  );
}
