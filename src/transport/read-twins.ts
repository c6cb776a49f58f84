/**
 * New messages that another one with the same id counts before: what a reader of the whole tree
 * would see, asked for few.
 */
import type { Oid } from '../base/ids.ts';
import type { MessageFields } from '../protocol/message.ts';
import {
  channelFolder,
  type MessagePath,
  parseMessagePath,
  replyPath,
  ulidOf,
} from '../protocol/paths.ts';
import { canonicalPath, findTwins } from '../protocol/twins.ts';
import type { Repository } from './repository.ts';
import type { Exists } from './standing-paths.ts';

interface Asked {
  readonly repository: Repository;
  readonly range: { readonly to: Oid };
  readonly exists: Exists;
}

/** What new messages have beside them. */
export interface TwinsRead {
  /**
   * Path of a new message → path of the one that counts. Of two that are open the index tells which
   * one does.
   */
  readonly twins: ReadonlyMap<string, string>;
  /**
   * Those of them, put where no dispatcher would, that come to an answer: other copies are closed
   * by it as by one that comes later.
   */
  readonly answered: readonly string[];
}

/**
 * The twins of a whole tree, as `findTwins` gives them: `odd` are the messages that stand where
 * their ids do not say, and the replies to these. Of the others only those count that one of them
 * is a copy of.
 */
export async function findTwinsIn(
  exists: Exists,
  odd: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const canonical = odd.flatMap((path) => {
    const file = parseMessagePath(path);
    return file?.replyTo === null ? (canonicalPath(file) ?? []) : [];
  });
  return findTwins([...odd, ...(await exists([...new Set(canonical)]))]);
}

/** Looks for what else has the ids of new messages. */
export async function readTwins(
  asked: Asked,
  candidates: readonly { readonly file: MessagePath; readonly fields: MessageFields }[],
): Promise<TwinsRead> {
  const messages = candidates.filter(({ file }) => file.replyTo === null);
  const pairs = messages.flatMap(({ file, fields }) => {
    if (canonicalPath(file) !== null) return [];
    const { path } = file;
    // A hand-made name in another normalisation or case: an answered one always counts.
    const others = new Set(
      [path.normalize('NFC'), path.normalize('NFD'), path.toLowerCase()].filter(
        (other) => other !== path,
      ),
    );
    return [...others].flatMap((other) =>
      fields.to.map(({ name }) => ({ path, other, proof: replyPath(other, name) })),
    );
  });
  const standing = await asked.exists(pairs.map(({ proof }) => proof));
  const named = pairs
    .filter(({ proof }) => standing.has(proof))
    .map(({ path, other }) => [path, other] as const);
  const moved = messages.flatMap(({ file }) =>
    [null, file.path].includes(canonicalPath(file)) ? [] : [file],
  );
  const found = await readMoved(asked, moved);
  return { twins: new Map([...named, ...found.twins]), answered: found.answered };
}

/**
 * Files with an id that somebody has put elsewhere: what else has that id only the listing of the
 * channel tells. Rare.
 */
async function readMoved(asked: Asked, moved: readonly MessagePath[]): Promise<TwinsRead> {
  const twins = new Map<string, string>();
  const answered = new Set<string>();
  const paths = new Set(moved.map(({ path }) => path));
  const idsOf = new Map<string, Set<string | null>>();
  for (const { channel, stem } of moved)
    idsOf.set(channel, (idsOf.get(channel) ?? new Set()).add(ulidOf(stem)));
  for (const [channel, ids] of idsOf) {
    const same: MessagePath[] = [];
    const range = { from: null, to: asked.range.to, under: channelFolder(channel) };
    for await (const changes of asked.repository.walk(range))
      for (const { path } of changes) {
        const file = parseMessagePath(path);
        if (file !== null && ids.has(ulidOf(file.stem))) same.push(file);
      }
    for (const { replyTo } of same)
      if (replyTo !== null && paths.has(replyTo.path)) answered.add(replyTo.path);
    for (const [path, counts] of findTwins(same.map(({ path: one }) => one)))
      twins.set(path, counts);
  }
  return { twins, answered: [...answered] };
}
