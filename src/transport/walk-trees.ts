/**
 * What differs between two folders, at any depth. Each folder of the first level (a channel) is
 * gone through level by level, so that the trees of a level are read together and each of them
 * once. Work stays in proportion to the objects that somebody pushed: a few trees can be made to
 * stand at a billion paths, and a folder that does so is told as one refused path while its
 * neighbours are read. Of two entries with one name the first one counts.
 */
import type { Oid } from '../base/ids.ts';
import { createTurns, type Turns } from '../base/turns.ts';
import type { TreeChange } from './repository.ts';
import { decodeName, differingItems, kindOfMode, type TreeItem } from './tree-codec.ts';

/** Two folders at one path; null = there is none. `prefix` is empty or ends in a slash. */
export interface FolderPair {
  readonly from: Oid | null;
  readonly to: Oid | null;
  readonly prefix: string;
}

/**
 * The bytes of trees, in the order asked; null for one that is too large to be held. Throws
 * INTERNAL when one is not in the cache.
 */
export type ReadTrees = (oids: readonly Oid[]) => Promise<readonly (Buffer | null)[]>;

/** Folders in folders; no path of a message is so long. */
export const LEVELS_MAX = 256;
/**
 * Entries of one folder of the first level that come from trees met there before, beside so many
 * times those met first. Copies made by hand are fewer; a bomb has more at once.
 */
export const REPEATED_MAX = 20_000;
const COPIES_MAX = 4;
/** The same in all folders together. */
const REPEATED_IN_ALL_MAX = 1_000_000;
/** Folders of the first level that are gone through at once. */
const FOLDERS_AT_ONCE = 64;
/** Pairs of folders whose trees are held at once. */
const FOLDERS_HELD_MAX = 1_000;
/** Entries between two turns of the event loop. */
const ENTRIES_A_TURN = 10_000;

const NO_TREE = Buffer.alloc(0);

interface Walk {
  readonly readTrees: ReadTrees;
  readonly turn: Turns;
  repeatedInAll: number;
}

/** What was found below one folder, or why it is not gone through. */
type Found =
  | { readonly kind: 'whole'; readonly changes: readonly TreeChange[] }
  | { readonly kind: 'refused'; readonly why: string };

/** The changes from one folder to the other, in no order; `refused` as for `Repository.diff`. */
export async function walkTrees(
  readTrees: ReadTrees,
  root: FolderPair,
  refused: ReadonlySet<string> = new Set(),
): Promise<TreeChange[]> {
  const walk: Walk = { readTrees, turn: createTurns(ENTRIES_A_TURN), repeatedInAll: 0 };
  const changes: TreeChange[] = [];
  const budget = createBudget(walk);
  const folders = await walkLevel(walk, [root], { changes, budget });
  const why = budget.refusal();
  if (why !== null) return [{ kind: 'refused', path: root.prefix.slice(0, -1), why }];
  for (let at = 0; at < folders.length; at += FOLDERS_AT_ONCE) {
    const found = await Promise.all(
      folders
        .slice(at, at + FOLDERS_AT_ONCE)
        .map((folder) =>
          refused.has(folder.prefix.slice(0, -1))
            ? walkRefused(walk, folder)
            : walkFolder(walk, folder),
        ),
    );
    for (const list of found) for (const change of list) changes.push(change);
  }
  return changes;
}

async function walkFolder(walk: Walk, pair: FolderPair): Promise<readonly TreeChange[]> {
  const found = await descend(walk, pair);
  if (found.kind === 'whole') return found.changes;
  // Each side by itself: what could be read before is gone, what can be read now is new.
  const path = pair.prefix.slice(0, -1);
  if (pair.from === null) return [{ kind: 'refused', path, why: found.why }];
  if (pair.to === null) return [{ kind: 'removed', path }];
  return [
    ...(await walkFolder(walk, { ...pair, to: null })),
    ...(await walkFolder(walk, { ...pair, from: null })),
  ];
}

/** One of which nothing was read before. */
async function walkRefused(walk: Walk, pair: FolderPair): Promise<readonly TreeChange[]> {
  const gone: TreeChange = { kind: 'removed', path: pair.prefix.slice(0, -1) };
  return pair.to === null ? [gone] : [gone, ...(await walkFolder(walk, { ...pair, from: null }))];
}

async function descend(walk: Walk, pair: FolderPair): Promise<Found> {
  const changes: TreeChange[] = [];
  const budget = createBudget(walk);
  let level: readonly FolderPair[] = [pair];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > LEVELS_MAX) return { kind: 'refused', why: `more than ${LEVELS_MAX} levels` };
    level = await walkLevel(walk, level, { changes, budget });
    const why = budget.refusal();
    if (why !== null) return { kind: 'refused', why };
  }
  return { kind: 'whole', changes };
}

interface Budget {
  /** Counts entries of a pair of trees; false when they are too many to go on. */
  readonly take: (pair: string, entries: number) => boolean;
  readonly refuse: (why: string) => void;
  /** Why nothing more is read; null while that may go on. */
  readonly refusal: () => string | null;
  readonly isSpent: () => boolean;
}

function createBudget(walk: Walk): Budget {
  const met = new Set<string>();
  let [distinct, repeated] = [0, 0];
  let refusal: string | null = null;
  return {
    take: (pair, entries) => {
      if (!met.has(pair)) {
        met.add(pair);
        distinct += entries;
        return true;
      }
      repeated += entries + 1;
      walk.repeatedInAll += entries + 1;
      const isTooMuch =
        repeated > REPEATED_MAX + COPIES_MAX * distinct || walk.repeatedInAll > REPEATED_IN_ALL_MAX;
      if (isTooMuch) refusal ??= 'a few folders that stand at too many paths';
      return !isTooMuch;
    },
    refuse: (why) => (refusal ??= why),
    refusal: () => refusal,
    isSpent: () => refusal !== null,
  };
}

interface Into {
  readonly changes: TreeChange[];
  readonly budget: Budget;
}

/** Reads one level into `changes` and gives the folders of the next; stops when it is too much. */
async function walkLevel(
  walk: Walk,
  level: readonly FolderPair[],
  into: Into,
): Promise<readonly FolderPair[]> {
  const folders: FolderPair[] = [];
  for (let at = 0; at < level.length && !into.budget.isSpent(); at += FOLDERS_HELD_MAX)
    for (const folder of await walkSome(walk, level.slice(at, at + FOLDERS_HELD_MAX), into))
      folders.push(folder);
  return folders;
}

async function walkSome(
  { readTrees, turn }: Walk,
  level: readonly FolderPair[],
  { changes, budget }: Into,
): Promise<readonly FolderPair[]> {
  const oids = [
    ...new Set(level.flatMap(({ from, to }) => [from, to].filter((oid) => oid !== null))),
  ];
  const bytes = await readTrees(oids);
  const trees = new Map(oids.map((oid, at) => [oid, bytes[at] ?? null]));
  const folders: FolderPair[] = [];
  for (const { from, to, prefix } of level) {
    const oid = to ?? from;
    if (oid === null || from === to) continue;
    if ([from, to].some((side) => side !== null && trees.get(side) === null)) {
      budget.refuse('a folder of too many entries');
      return [];
    }
    const { left, right } = differingItems(
      from === null ? NO_TREE : (trees.get(from) ?? NO_TREE),
      to === null ? NO_TREE : (trees.get(to) ?? NO_TREE),
      oid.length / 2,
    );
    if (!budget.take(`${from ?? ''}:${to ?? ''}`, left.size + right.size)) return [];
    compare({ left, right, prefix }, { changes, folders });
    await turn(left.size + right.size + 1);
  }
  return folders;
}

interface Sides {
  readonly left: ReadonlyMap<string, TreeItem>;
  readonly right: ReadonlyMap<string, TreeItem>;
  readonly prefix: string;
}

function compare(
  { left, right, prefix }: Sides,
  into: { readonly changes: TreeChange[]; readonly folders: FolderPair[] },
): void {
  const keys = left.size === 0 ? right.keys() : new Set([...left.keys(), ...right.keys()]);
  for (const key of keys) {
    const path = prefix + decodeName(key);
    const [old, now] = [sideOf(left.get(key)), sideOf(right.get(key))];
    if (old.file !== null && now.file === null) into.changes.push({ kind: 'removed', path });
    if (now.file !== null)
      into.changes.push({ kind: 'written', path, entry: now.file.entry, blob: now.file.oid });
    if (old.folder !== null || now.folder !== null)
      into.folders.push({ from: old.folder, to: now.folder, prefix: `${path}/` });
  }
}

interface Side {
  readonly file: { readonly entry: 'file' | 'other'; readonly oid: Oid } | null;
  readonly folder: Oid | null;
}

function sideOf(item: TreeItem | undefined): Side {
  if (item === undefined) return { file: null, folder: null };
  const kind = kindOfMode(item.mode);
  return kind === 'tree'
    ? { file: null, folder: item.oid }
    : { file: { entry: kind, oid: item.oid }, folder: null };
}
