/**
 * Reads the messages before a message: those it answers, those that they answer, and the replies to
 * each, within the limits.
 */
import type { Oid } from '../base/ids.ts';
import { decodeMessage, type Message } from '../protocol/message.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { parseMessagePath, replyPath } from '../protocol/paths.ts';
import type { ThreadEntry } from '../protocol/prompt.ts';
import type { Repository } from '../transport/repository.ts';

export interface Thread {
  /** Oldest first; the message itself is not among them. */
  readonly entries: readonly ThreadEntry[];
  /** The session in which `recipient` last spoke on this host, if it said so. */
  readonly session: string | null;
}

interface ThreadQuery {
  readonly tip: Oid;
  readonly path: string;
  readonly re: readonly string[];
  readonly recipient: string;
  readonly alias: string;
  readonly messagesMax: number;
  /**
   * The archive, when something that is answered is not at the tip; null = there is none, or it
   * cannot be had now.
   */
  readonly archive: () => Promise<Oid | null>;
}

/** Reads the thread above a message, breadth first along `re:`. */
export async function readThread(repository: Repository, query: ThreadQuery): Promise<Thread> {
  const seen = new Set([query.path]);
  const found: { path: string; message: Message }[] = [];
  let frontier = [...query.re];
  let archive: Promise<Oid | null> | null = null;
  while (frontier.length > 0 && found.length < query.messagesMax) {
    const paths = [...new Set(frontier)]
      .filter((path) => !seen.has(path) && parseMessagePath(path) !== null)
      .slice(0, query.messagesMax - found.length);
    for (const path of paths) seen.add(path);
    const standing = await readMessages(repository, query.tip, paths);
    const left = paths.filter((path) => !standing.some((one) => one.path === path));
    // Most of what is not there is a reply that nobody has written; what the message itself names
    // was there once.
    if (left.some((path) => query.re.includes(path))) archive ??= query.archive();
    const archived = archive === null ? null : await archive;
    const read =
      archived === null
        ? standing
        : [...standing, ...(await readMessages(repository, archived, left))];
    found.push(...read);
    frontier = read.flatMap(({ path, message }) => [
      ...message.fields.re,
      ...(parseMessagePath(path)?.replyTo === null
        ? message.fields.to.map(({ name }) => replyPath(path, name))
        : []),
    ]);
  }
  const entries = inOrder(found);
  const last = found.filter(
    ({ message: { fields } }) =>
      fields.model === query.recipient && fields.host === query.alias && fields.session !== null,
  );
  last.sort((a, b) => (b.message.fields.timestampMs ?? 0) - (a.message.fields.timestampMs ?? 0));
  return { entries, session: last[0]?.message.fields.session ?? null };
}

async function readMessages(
  repository: Repository,
  tip: Oid,
  paths: readonly string[],
): Promise<readonly { path: string; message: Message }[]> {
  const entries = await repository.lookUp(tip, paths);
  const files = paths.flatMap((path, index) => {
    const entry = entries[index];
    return entry?.kind === 'file' ? [{ path, oid: entry.oid }] : [];
  });
  const blobs = await repository.readBlobs(
    files.map(({ oid }) => oid),
    MESSAGE_BYTES_MAX,
  );
  return files.flatMap(({ path }, index) => {
    const blob = blobs[index];
    const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes, path) : null;
    return read?.kind === 'message' ? [{ path, message: read.message }] : [];
  });
}

/** By time. A message without one, written by hand, comes after all that it answers. */
function inOrder(
  found: readonly { readonly path: string; readonly message: Message }[],
): readonly ThreadEntry[] {
  const byPath = new Map(found.map(({ path, message }) => [path, message]));
  const places = new Map<string, { readonly atMs: number; readonly depth: number }>();
  const placeOf = (
    path: string,
    message: Message,
  ): { readonly atMs: number; readonly depth: number } => {
    const known = places.get(path);
    if (known !== undefined) return known;
    // Set while it is computed, so that messages that name each other end the recursion.
    places.set(path, { atMs: message.fields.timestampMs ?? 0, depth: 0 });
    const before = message.fields.re.flatMap((re) => {
      const named = byPath.get(re);
      return named === undefined ? [] : [placeOf(re, named)];
    });
    const atMs = message.fields.timestampMs ?? Math.max(0, ...before.map((place) => place.atMs));
    const place = { atMs, depth: 1 + Math.max(0, ...before.map(({ depth }) => depth)) };
    places.set(path, place);
    return place;
  };
  return found
    .map((one) => ({ entry: toEntry(one), ...placeOf(one.path, one.message) }))
    .sort((a, b) => a.atMs - b.atMs || a.depth - b.depth)
    .map(({ entry }) => entry);
}

function toEntry({ path, message }: { path: string; message: Message }): ThreadEntry {
  return {
    path,
    from: message.fields.from ?? 'someone',
    timestampMs: message.fields.timestampMs ?? 0,
    body: message.body,
  };
}
