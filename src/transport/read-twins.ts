/**
 * Finds new messages whose id another message had first: what a reader of the whole tree would see,
 * asked for a few.
 */
import { groupBy } from '../base/group-by.ts';
import type { Oid } from '../base/ids.ts';
import {
  channelFolder,
  foldName,
  identityOf,
  type MessagePath,
  parseMessagePath,
  ulidOf,
} from '../protocol/paths.ts';
import { listNames } from './list-names.ts';
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

/** Looks for what else has the identities of new messages. */
export async function readTwins(
  asked: Asked,
  candidates: readonly { readonly file: MessagePath }[],
): Promise<TwinsRead> {
  const messages = candidates.filter(({ file }) => file.replyTo === null).map(({ file }) => file);
  const named = messages.filter((file) => canonicalPath(file) === null);
  const moved = messages.filter((file) => ![null, file.path].includes(canonicalPath(file)));
  const same = [...(await listNamed(asked, named)), ...(await listMoved(asked, moved))];
  const paths = new Set(messages.map(({ path }) => path));
  return {
    twins: findTwins(same.map(({ path }) => path)),
    answered: same.flatMap(({ replyTo }) =>
      replyTo !== null && paths.has(replyTo.path) ? [replyTo.path] : [],
    ),
  };
}

/**
 * Files with an id that somebody has put elsewhere: what else has that id only the listing of the
 * channel tells. Rare.
 */
async function listMoved(
  { repository, range: { to } }: Asked,
  moved: readonly MessagePath[],
): Promise<readonly MessagePath[]> {
  const same: MessagePath[] = [];
  for (const [channel, files] of groupBy(moved, (file) => file.channel)) {
    const ids = new Set(files.map(({ stem }) => ulidOf(stem)));
    for await (const changes of repository.walk({ from: null, to, under: channelFolder(channel) }))
      for (const { path } of changes) {
        const file = parseMessagePath(path);
        if (file !== null && ids.has(ulidOf(file.stem))) same.push(file);
      }
  }
  return same;
}

/**
 * Names made by hand: what differs from them in case or normalisation only, in folders that differ
 * in no more, and the replies to all of these.
 */
async function listNamed(
  { repository, range: { to } }: Asked,
  named: readonly MessagePath[],
): Promise<readonly MessagePath[]> {
  const same: MessagePath[] = [];
  for (const [channel, files] of groupBy(named, (file) => file.channel)) {
    const wanted = new Set(files.map(identityOf));
    const onTheWay = new Set([...wanted].flatMap(foldersOf));
    // Level by level, the folders with one folded path together.
    let level: ReadonlyMap<string, readonly string[]> = new Map([['', [channelFolder(channel)]]]);
    while (level.size > 0) {
      const below: { readonly folded: string; readonly path: string }[] = [];
      for (const [above, folders] of level)
        for (const [at, names] of (await listNames(repository, to, folders)).entries())
          for (const name of names) {
            const path = `${folders[at] ?? ''}/${name}`;
            const file = wanted.has(above + stemOf(name)) ? parseMessagePath(path) : null;
            if (file !== null) same.push(file);
            const folded = `${above}${foldName(name)}/`;
            if (onTheWay.has(folded)) below.push({ folded, path });
          }
      const folders = groupBy(below, ({ folded }) => folded);
      level = new Map([...folders].map(([key, some]) => [key, some.map(({ path }) => path)]));
    }
  }
  return same;
}

/** The folders of a folded path, each with a slash at its end. */
function foldersOf(identity: string): readonly string[] {
  return [...identity.matchAll(/\//g)].map(({ index }) => identity.slice(0, index + 1));
}

/** The folded stem of a message, and of a reply to one. */
function stemOf(name: string): string {
  const end = name.endsWith('.md') ? name.length - '.md'.length : name.length;
  const reply = name.slice(0, end + 1).indexOf('.re.');
  return foldName(name.slice(0, reply < 0 || end === name.length ? end : reply));
}
