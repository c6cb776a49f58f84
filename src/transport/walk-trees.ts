/**
 * The differences between two folders, at any depth. Each folder of the first level (a channel) is
 * walked level by level, so that the trees of a level are read together. Work is proportional to
 * the pushed objects: a few trees can appear at a billion paths, and such a folder is reported as
 * one refused path while its neighbours are read. Of two entries with one name the first counts.
 *
 * Memory is proportional to the folders: the walk first finds which of them have different files,
 * and reads the files of all but the first few when their turn comes.
 */
import type { Oid } from '../base/ids.ts';
import { by } from '../base/order.ts';
import { createTurns, type Turns } from '../base/turns.ts';
import type { TreeChange } from './repository.ts';
import {
  countOnlyFiles,
  decodeName,
  differingItems,
  kindOfMode,
  type TreeItem,
} from './tree-codec.ts';

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

/** Folders in folders; no path of a message is this long. */
export const LEVELS_MAX = 256;
/**
 * Entries of one folder of the first level that come from trees met there before, beside this many
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
/** Changed files of one walk that are kept from the moment they are found. */
const KEPT_MAX = 16_384;
/** A piece ends with the folder that makes it as large as this. */
const PIECE_MAX = 16_384;

const NO_TREE = Buffer.alloc(0);

interface Walk {
  readonly readTrees: ReadTrees;
  readonly turn: Turns;
  repeatedInAll: number;
  /** Changes kept until they are reported. */
  kept: number;
}

/** The files that differ right in one folder; `changes` is null when they are to be read again. */
interface Leaf {
  readonly pair: FolderPair;
  readonly entries: number;
  readonly changes: readonly TreeChange[] | null;
}

/** What was found below one folder, or why it is not gone through. */
type Found =
  | { readonly kind: 'whole'; readonly leaves: readonly Leaf[] }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The changes from one folder to the other, in pieces of whole folders; `refused` as for
 * `Repository.diff`.
 */
export async function* walkTrees(
  readTrees: ReadTrees,
  root: FolderPair,
  refused: ReadonlySet<string> = new Set(),
): AsyncGenerator<readonly TreeChange[]> {
  const turn = createTurns(ENTRIES_A_TURN);
  const walk: Walk = { readTrees, turn, repeatedInAll: 0, kept: 0 };
  const leaves: Leaf[] = [];
  const budget = createBudget(walk);
  const folders = await walkLevel(walk, [root], { leaves, budget });
  const why = budget.refusal();
  if (why !== null) {
    yield [{ kind: 'refused', path: root.prefix.slice(0, -1), why }];
    return;
  }
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
    for (const list of found) for (const leaf of list) leaves.push(leaf);
  }
  yield* tellLeaves(walk, leaves.sort(by(({ pair }) => pair.prefix)));
}

async function* tellLeaves(
  walk: Walk,
  leaves: readonly Leaf[],
): AsyncGenerator<readonly TreeChange[]> {
  let piece: Leaf[] = [];
  let entries = 0;
  for (const [at, leaf] of leaves.entries()) {
    piece.push(leaf);
    entries += leaf.entries;
    if (entries < PIECE_MAX && piece.length < FOLDERS_HELD_MAX && at < leaves.length - 1) continue;
    yield await changesOf(walk, piece);
    [piece, entries] = [[], 0];
  }
}

async function changesOf(walk: Walk, piece: readonly Leaf[]): Promise<readonly TreeChange[]> {
  const again = piece.flatMap(({ pair, changes }) => (changes === null ? [pair] : []));
  const read = await readPairs(walk, again);
  return piece.flatMap(({ pair, changes }) => {
    if (changes !== null) return changes;
    const sides = differingItems(...read(pair));
    return compare({ ...sides, prefix: pair.prefix }).changes;
  });
}

function tell(pair: FolderPair, changes: readonly TreeChange[]): readonly Leaf[] {
  return [{ pair, entries: changes.length, changes }];
}

async function walkFolder(walk: Walk, pair: FolderPair): Promise<readonly Leaf[]> {
  const found = await descend(walk, pair);
  if (found.kind === 'whole') return found.leaves;
  // Each side on its own: what could be read before is gone, what can be read now is new.
  const path = pair.prefix.slice(0, -1);
  if (pair.from === null) return tell(pair, [{ kind: 'refused', path, why: found.why }]);
  if (pair.to === null) return tell(pair, [{ kind: 'removed', path }]);
  return [
    ...(await walkFolder(walk, { ...pair, to: null })),
    ...(await walkFolder(walk, { ...pair, from: null })),
  ];
}

/** One of which nothing was read before. */
async function walkRefused(walk: Walk, pair: FolderPair): Promise<readonly Leaf[]> {
  const gone = tell(pair, [{ kind: 'removed', path: pair.prefix.slice(0, -1) }]);
  return pair.to === null ? gone : [...gone, ...(await walkFolder(walk, { ...pair, from: null }))];
}

async function descend(walk: Walk, pair: FolderPair): Promise<Found> {
  const leaves: Leaf[] = [];
  const budget = createBudget(walk);
  let level: readonly FolderPair[] = [pair];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > LEVELS_MAX) return { kind: 'refused', why: `more than ${LEVELS_MAX} levels` };
    level = await walkLevel(walk, level, { leaves, budget });
    const why = budget.refusal();
    if (why !== null) return { kind: 'refused', why };
  }
  return { kind: 'whole', leaves };
}

interface Budget {
  /** Counts entries of a pair of trees; false when they are too many to continue. */
  readonly take: (pair: string, entries: number) => boolean;
  readonly refuse: (why: string) => void;
  /** Why nothing more is read; null while that may continue. */
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
      if (isTooMuch) refusal ??= 'a few folders that appear at too many paths';
      return !isTooMuch;
    },
    refuse: (why) => (refusal ??= why),
    refusal: () => refusal,
    isSpent: () => refusal !== null,
  };
}

interface Into {
  readonly leaves: Leaf[];
  readonly budget: Budget;
}

/** Reads one level into `leaves` and gives the folders of the next; stops when it is too much. */
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
  walk: Walk,
  level: readonly FolderPair[],
  { leaves, budget }: Into,
): Promise<readonly FolderPair[]> {
  const folders: FolderPair[] = [];
  const read = await readPairs(walk, level, () => budget.refuse('a folder of too many entries'));
  for (const pair of budget.isSpent() ? [] : level) {
    const { from, to, prefix } = pair;
    if (from === to) continue;
    const [old, now, hashBytes] = read(pair);
    const onlyFiles =
      from === null && walk.kept >= KEPT_MAX ? countOnlyFiles(now, hashBytes) : null;
    const sides = onlyFiles === null ? differingItems(old, now, hashBytes) : NOTHING;
    const differing = onlyFiles ?? sides.left.size + sides.right.size;
    if (!budget.take(`${from ?? ''}:${to ?? ''}`, differing)) return [];
    const found = compare({ ...sides, prefix });
    for (const folder of found.folders) folders.push(folder);
    const entries = onlyFiles ?? found.changes.length;
    const isKept = onlyFiles === null && walk.kept < KEPT_MAX;
    if (isKept) walk.kept += entries;
    if (entries > 0) leaves.push({ pair, entries, changes: isKept ? found.changes : null });
    const others = walk.turn(differing + 1);
    if (others !== null) await others;
  }
  return folders;
}

const NOTHING: ReturnType<typeof differingItems> = { left: new Map(), right: new Map() };

/** Both trees of a pair, and the length of the ids in them. */
type ReadPair = (pair: FolderPair) => readonly [from: Buffer, to: Buffer, hashBytes: number];

async function readPairs(
  { readTrees }: Walk,
  pairs: readonly FolderPair[],
  onTooLarge: () => void = () => undefined,
): Promise<ReadPair> {
  const oids = [
    ...new Set(pairs.flatMap(({ from, to }) => [from, to].filter((oid) => oid !== null))),
  ];
  const bytes = await readTrees(oids);
  const trees = new Map(oids.map((oid, at) => [oid, bytes[at] ?? null]));
  if ([...trees.values()].includes(null)) onTooLarge();
  const treeOf = (oid: Oid | null): Buffer => (oid === null ? null : trees.get(oid)) ?? NO_TREE;
  return ({ from, to }) => [treeOf(from), treeOf(to), (to ?? from ?? '').length / 2];
}

interface Sides {
  readonly left: ReadonlyMap<string, TreeItem>;
  readonly right: ReadonlyMap<string, TreeItem>;
  readonly prefix: string;
}

function compare({ left, right, prefix }: Sides): {
  readonly changes: readonly TreeChange[];
  readonly folders: readonly FolderPair[];
} {
  const [changes, folders]: [TreeChange[], FolderPair[]] = [[], []];
  const keys = left.size === 0 ? right.keys() : new Set([...left.keys(), ...right.keys()]);
  for (const key of keys) {
    const path = prefix + decodeName(key);
    const [old, now] = [sideOf(left.get(key)), sideOf(right.get(key))];
    if (old.file !== null && now.file === null) changes.push({ kind: 'removed', path });
    if (now.file !== null)
      changes.push({ kind: 'written', path, entry: now.file.entry, blob: now.file.oid });
    if (old.folder !== null || now.folder !== null)
      folders.push({ from: old.folder, to: now.folder, prefix: `${path}/` });
  }
  return { changes, folders };
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
