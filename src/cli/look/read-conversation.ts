/**
 * Messages and replies as they stand at the tip, with their heads decoded: the newest ones by what
 * landed last, or all of them in chunks.
 */
import type { Oid } from '../../base/ids.ts';
import { by } from '../../base/order.ts';
import { formatAddress } from '../../protocol/address.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import type { Rejection } from '../../protocol/rejection.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { authorName } from '../../protocol/who-said.ts';
import {
  CHANNELS,
  channelFolder,
  type MessagePath,
  parseMessagePath,
} from '../../protocol/paths.ts';
import type { BlobRead, Repository, TreeChange } from '../../transport/repository.ts';
import { archiveOf } from './read-archive.ts';
import { tipOf } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Blobs held in memory at once. */
const CHUNK = 2_000;
/**
 * Commits looked at first when the newest messages are wanted; then four times as many, until this
 * limit, then everything.
 */
const COMMITS_FIRST = 64;
const COMMITS_MAX = 20_000;

/** A file below a channel that is, by its name, a message or a reply. */
export interface ListedFile extends MessagePath {
  readonly blob: Oid;
}

/** One of them as read: who said what to whom, and when. */
export interface Said {
  readonly file: ListedFile;
  readonly from: string;
  /** As written: `opus`, `opus@mbp`, `all`. */
  readonly to: readonly string[];
  readonly atMs: number;
  readonly message: Message;
}

/** A file that is not a message, and why. */
export interface Unreadable {
  readonly file: ListedFile;
  readonly rejection: Rejection;
}

/**
 * Which part of the conversation. `to` may be a newer commit than `tipOf`; `from: null` =
 * everything.
 */
export interface Range {
  readonly from: Oid | null;
  readonly to: Oid;
  readonly channel: string | null;
}

/** The files of a range, in code-unit order of their paths. */
export async function listFiles(
  repository: Repository,
  range: Range,
): Promise<readonly ListedFile[]> {
  const under = range.channel === null ? CHANNELS : channelFolder(range.channel);
  return filesIn(await repository.diff({ from: range.from, to: range.to, under }));
}

/** Those that were written and are, by their names, messages or replies. */
export function filesIn(changes: readonly TreeChange[]): readonly ListedFile[] {
  return changes.flatMap((change): ListedFile[] => {
    const parsed =
      change.kind === 'written' && change.entry === 'file' ? parseMessagePath(change.path) : null;
    return change.kind === 'written' && parsed !== null ? [{ ...parsed, blob: change.blob }] : [];
  });
}

/**
 * Every file of the tip and of the archive, in code-unit order of their paths; what stands at the
 * tip counts.
 */
export async function listAll(
  session: TransportSession,
  channel: string | null = null,
): Promise<readonly ListedFile[]> {
  const standing = await listFiles(session.repository, { from: null, to: tipOf(session), channel });
  const archived = await listArchived(session, channel);
  if (archived.length === 0) return standing;
  const paths = new Set(standing.map(({ path }) => path));
  return [...standing, ...archived.filter(({ path }) => !paths.has(path))].sort(
    by(({ path }) => path),
  );
}

/** The files of the archive. */
export async function listArchived(
  session: TransportSession,
  channel: string | null,
): Promise<readonly ListedFile[]> {
  const archive = await archiveOf(session);
  return archive === null
    ? []
    : listFiles(session.repository, { from: null, to: archive, channel });
}

/** The files at paths, at the tip or else in the archive; null where nothing stands. */
export async function lookUpFiles(
  session: TransportSession,
  paths: readonly string[],
): Promise<readonly (ListedFile | null)[]> {
  const found = await lookUpAt(session.repository, tipOf(session), paths);
  const missing = paths.filter((_, at) => found[at] === null);
  const archive = missing.length === 0 ? null : await archiveOf(session);
  if (archive === null) return found;
  const archived = new Map(
    (await lookUpAt(session.repository, archive, missing)).flatMap((file) =>
      file === null ? [] : [[file.path, file]],
    ),
  );
  return paths.map((path, at) => found[at] ?? archived.get(path) ?? null);
}

/** The messages at paths; what is missing or unreadable is not among them. */
export async function readPaths(
  session: TransportSession,
  paths: readonly string[],
): Promise<readonly Said[]> {
  const files = (await lookUpFiles(session, paths)).filter((file) => file !== null);
  return (await readSaid(session, files)).said;
}

async function lookUpAt(
  repository: Repository,
  commit: Oid,
  paths: readonly string[],
): Promise<readonly (ListedFile | null)[]> {
  const entries = paths.length === 0 ? [] : await repository.lookUp(commit, paths);
  return paths.map((path, at) => {
    const [entry, parsed] = [entries[at], parseMessagePath(path)];
    return entry?.kind === 'file' && parsed !== null ? { ...parsed, blob: entry.oid } : null;
  });
}

/**
 * Hands the bytes of files to `take`, in chunks; a file too large to be a message comes without.
 */
export async function scanBlobs(
  repository: Repository,
  files: readonly ListedFile[],
  take: (file: ListedFile, blob: BlobRead) => void,
): Promise<void> {
  // Of a partial cache all that is missing comes in one conversation, not in one a chunk.
  if (files.length > CHUNK) await repository.bringBlobs(files.map(({ blob }) => blob));
  for (let at = 0; at < files.length; at += CHUNK) {
    const chunk = files.slice(at, at + CHUNK);
    const blobs = await repository.readBlobs(
      chunk.map(({ blob }) => blob),
      MESSAGE_BYTES_MAX,
    );
    chunk.forEach((file, index) => take(file, blobs[index] ?? { kind: 'missing' }));
  }
}

/**
 * From which commit on the files were added (null: any), and a quick look at their bytes that
 * leaves out what cannot be wanted.
 */
export interface ReadingHow {
  readonly from?: Oid | null;
  readonly mayFit?: (bytes: Uint8Array) => boolean;
}

/** What `readSaid` makes of files. */
export interface SaidAndNot {
  readonly said: readonly Said[];
  readonly unreadable: readonly Unreadable[];
}

/**
 * Decodes files. What a file leaves out (`from`, `timestamp`) comes from the commit of the range
 * that added it.
 */
export async function readSaid(
  session: TransportSession,
  files: readonly ListedFile[],
  how: ReadingHow = {},
): Promise<SaidAndNot> {
  const read: { file: ListedFile; message: Message }[] = [];
  const unreadable: Unreadable[] = [];
  await scanBlobs(session.repository, files, (file, blob) => {
    if (blob.kind === 'bytes' && how.mayFit?.(blob.bytes) === false) return;
    const decoded = decodeBlob(blob, file.path);
    if (decoded.kind === 'message') read.push({ file, message: decoded.message });
    else unreadable.push({ file, rejection: decoded.rejection });
  });
  return { said: await sign(session, read, how.from ?? null), unreadable };
}

/** A message out of a blob, or why not. */
export function decodeBlob(blob: BlobRead, path: string): ReturnType<typeof decodeMessage> {
  if (blob.kind === 'bytes') return decodeMessage(blob.bytes, path);
  const found =
    blob.kind === 'too-large' ? `${blob.sizeBytes} bytes` : 'an object that is not there';
  return {
    kind: 'rejected',
    rejection: { line: 1, found, expected: `at most ${MESSAGE_BYTES_MAX} bytes of text` },
  };
}

/** Adds who and when to messages that may not say it themselves. */
export async function sign(
  session: TransportSession,
  read: readonly { readonly file: ListedFile; readonly message: Message }[],
  from: Oid | null = null,
): Promise<readonly Said[]> {
  const { messages: open, called } = session.mirror.index();
  const unsigned = read.filter(
    ({ file, message: { fields } }) =>
      (fields.from === null || fields.timestampMs === null) && !open.has(file.path),
  );
  const commits =
    unsigned.length === 0
      ? new Map<string, never>()
      : await session.repository.findAddingCommits(
          unsigned.map(({ file }) => file.path),
          { from, to: tipOf(session) },
        );
  return read.map(({ file, message }) => {
    const known = open.get(file.path);
    const commit = commits.get(file.path);
    return {
      file,
      message,
      from: message.fields.from ?? known?.from ?? authorName(commit?.author, called),
      to: message.fields.to.map(formatAddress),
      atMs: message.fields.timestampMs ?? known?.timestampMs ?? commit?.authoredMs ?? 0,
    };
  });
}

/**
 * Which messages are wanted. `mayFit` may let through what `fits` refuses, and never the other way
 * round.
 */
export interface Filter {
  /** Everything fits. */
  readonly isOpen: boolean;
  readonly fits: (said: Said) => boolean;
  readonly mayFit: (bytes: Uint8Array) => boolean;
}

/** The newest of the conversation that fit, oldest first. */
export interface Newest extends SaidAndNot {
  /** True when something older would have fitted too. */
  readonly more: boolean;
}

/**
 * Reads back from the tip until `max` fit or everything was read. What landed last is newest;
 * within that, order is by time.
 */
export async function readNewest(
  session: TransportSession,
  wanted: { readonly channel: string | null; readonly max: number; readonly filter: Filter },
): Promise<Newest> {
  const tip = tipOf(session);
  const seen = new Set<string>();
  const found: Said[] = [];
  const unreadable: Unreadable[] = [];
  for (let depth = Math.max(COMMITS_FIRST, wanted.max * 2); ; depth *= 4) {
    const commits =
      depth > COMMITS_MAX
        ? []
        : await session.repository.history({ from: null, to: tip, max: depth });
    const base = commits.length < depth ? null : (commits[0]?.parents[0] ?? null);
    const files = await listFiles(session.repository, {
      from: base,
      to: tip,
      channel: wanted.channel,
    });
    const archived = base === null ? await listArchived(session, wanted.channel) : [];
    const fresh = [...files, ...archived].filter(({ path }) => !seen.has(path) && seen.add(path));
    const read = await readSaid(session, fresh, { from: base, mayFit: wanted.filter.mayFit });
    found.push(...read.said.filter(wanted.filter.fits));
    unreadable.push(...read.unreadable);
    if (found.length >= wanted.max || base === null) {
      const said = inOrder(found);
      return {
        said: said.slice(-wanted.max),
        unreadable,
        more: said.length > wanted.max || base !== null,
      };
    }
  }
}

/** Oldest first. A reply never stands before what it answers, whatever its host's clock says. */
export function inOrder(said: readonly Said[]): readonly Said[] {
  const at = new Map(said.map(({ file, atMs }) => [file.path, atMs]));
  const key = ({ file, atMs }: Said): number =>
    Math.max(atMs, at.get(file.replyTo?.path ?? '') ?? 0);
  return [...said].sort(by(({ file }) => file.path)).sort((a, b) => key(a) - key(b));
}
