/**
 * Every message of the transport without its text, kept up with the tip: each change is read once,
 * and texts are read when they are shown.
 */
import { systemClock } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import {
  archivedPath,
  CHANNEL_FILE,
  channelFolder,
  channelOf,
  CHANNELS,
  messageId,
  parseMessagePath,
  runFiles,
} from '../protocol/paths.ts';
import type { Repository } from '../transport/repository.ts';
import type { ListedFile, Said, SaidAndNot } from '../cli/look/read-conversation.ts';
import type { Answer, Span } from './figures.ts';
import { foldThreads, type Linked, type Threads } from './threads.ts';

/** One message or reply. Numbers are null where the file does not say them. */
export interface Entry extends Linked, Answer {
  readonly id: string;
  readonly file: ListedFile;
  readonly from: string;
  readonly to: readonly string[];
  readonly error: string | null;
}

/** The book at one tip. */
export interface Book {
  readonly tip: Oid | null;
  readonly entries: ReadonlyMap<string, Entry>;
  /** Channels that belong to a run of a workflow. */
  readonly runs: ReadonlySet<string>;
  /** Channel → blob of its CHANNEL.md. */
  readonly described: ReadonlyMap<string, Oid>;
  /** Channels whose files are in the archive. */
  readonly archived: ReadonlySet<string>;
  readonly threads: () => Threads<Entry>;
}

/** Files read at a time: their texts are in memory meanwhile. */
const SLICE = 5_000;

export const EMPTY_BOOK: Book = createBook(null, {
  entries: new Map(),
  runs: new Set(),
  described: new Map(),
  archived: new Set(),
});

type Pages = Pick<Book, 'entries' | 'runs' | 'described' | 'archived'>;

/** Where a book is read from. `read` decodes files that were added after `from`. */
export interface BookSources {
  readonly repository: Repository;
  readonly read: (files: readonly ListedFile[], from: Oid | null) => Promise<SaidAndNot>;
}

/**
 * The book brought to `tip`. From an older tip only what changed is read; after a rewrite
 * everything.
 */
export async function readOn(
  { repository, read }: BookSources,
  book: Book,
  tip: Oid,
): Promise<Book> {
  if (book.tip === tip) return book;
  const isAhead = book.tip !== null && (await repository.isAncestor(book.tip, tip));
  const from = isAhead ? book.tip : null;
  const changes = await repository.diff({ from, to: tip, under: CHANNELS });
  const entries = new Map(isAhead ? book.entries : []);
  const runs = new Set(isAhead ? book.runs : []);
  const described = new Map(isAhead ? book.described : []);
  const archived = new Set(isAhead ? book.archived : []);
  const written: ListedFile[] = [];
  for (const change of changes) {
    const channel = channelOf(change.path);
    if (channel === null) continue;
    entries.delete(change.path);
    const isThere = change.kind === 'written';
    if (change.path === runFiles(channel).header) mark(runs, channel, isThere);
    if (change.path === archivedPath(channel)) mark(archived, channel, isThere);
    if (change.path === `${channelFolder(channel)}/${CHANNEL_FILE}`) {
      if (isThere) described.set(channel, change.blob);
      else described.delete(channel);
    }
    const parsed =
      change.kind === 'written' && change.entry === 'file' ? parseMessagePath(change.path) : null;
    if (change.kind === 'written' && parsed !== null)
      written.push({ ...parsed, blob: change.blob });
  }
  for (let at = 0; at < written.length; at += SLICE) {
    const { said } = await read(written.slice(at, at + SLICE), from);
    for (const one of said) entries.set(one.file.path, toEntry(one));
  }
  return createBook(tip, { entries, runs, described, archived });
}

/** The last days as figures are counted over. */
export function lately({ entries }: Book, days: number): Span {
  const askedMs = (path: string): number | null => entries.get(path)?.atMs ?? null;
  return { days, nowMs: systemClock.wallMs(), askedMs };
}

function mark(channels: Set<string>, channel: string, isThere: boolean): void {
  if (isThere) channels.add(channel);
  else channels.delete(channel);
}

function createBook(tip: Oid | null, pages: Pages): Book {
  let threads: Threads<Entry> | null = null;
  return { tip, ...pages, threads: () => (threads ??= foldThreads(pages.entries)) };
}

function toEntry({ file, from, to, atMs, message: { fields } }: Said): Entry {
  return {
    path: file.path,
    id: messageId(file.path),
    channel: file.channel,
    file,
    from,
    to,
    atMs,
    re: fields.re,
    replyTo: file.replyTo?.path ?? null,
    recipient: file.replyTo?.recipient ?? null,
    // What a person has cancelled is closed, and nothing has failed.
    failed: fields.failed && fields.error !== 'cancelled',
    error: fields.error,
    host: fields.host,
    durationMs: fields.durationMs,
    tokensIn: fields.tokensIn,
    tokensOut: fields.tokensOut,
    costUsd: fields.costUsd,
  };
}
