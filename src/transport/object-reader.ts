/**
 * Reads trees, blobs and commits of the cache through long-lived processes. Trees are kept in
 * memory for a while, because they never change.
 */
import { CrosstalkError } from '../base/errors.ts';
import { by } from '../base/order.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import {
  askHeaders,
  askMany,
  HELD_BYTES_MAX,
  openCatFile,
  scanMany,
  type CatObject,
} from './cat-file.ts';
import type { SignedBytes } from '../protocol/trust.ts';
import { parseCommit, splitSignature } from './commit-codec.ts';
import type { Git } from './git-runner.ts';
import { readLoose } from './loose-objects.ts';
import type {
  BlobRead,
  CommitInfo,
  DiffRange,
  NamedEntry,
  TreeChange,
  TreeEntry,
} from './repository.ts';
import {
  decodeName,
  encodeName,
  findItem,
  type FindItem,
  findItems,
  indexItems,
  kindOfMode,
  listItems,
} from './tree-codec.ts';
import { type ReadTrees, walkTrees } from './walk-trees.ts';

const TREES_KEPT_BYTES_MAX = 8 * 1024 * 1024;
const TREE_KEPT_BYTES_MAX = 512 * 1024;
/** From this many objects on, a process for them alone is cheaper than the held one. */
const MANY = 200;

/** The reading side of the cache. */
export interface ObjectReader {
  has(oid: Oid): Promise<boolean>;
  readCommit(oid: Oid): Promise<CommitInfo | null>;
  /** Commits in the order asked. */
  readCommits(oids: readonly Oid[]): Promise<readonly (CommitInfo | null)[]>;
  /** What of a commit is signed; null when nothing is, or it is not in the cache. */
  readSigned(oid: Oid): Promise<SignedBytes | null>;
  /** The tree of a commit. Throws INTERNAL when the commit is not in the cache. */
  rootOf(commit: Oid): Promise<Oid>;
  /** A tree object's bytes. Throws INTERNAL when it is not in the cache or too large. */
  readTree(oid: Oid): Promise<Buffer>;
  /** Tells of a tree that was just written, so that it is not read again. */
  keepTree(oid: Oid, bytes: Buffer): void;
  sizesOf(oids: readonly Oid[]): Promise<readonly number[]>;
  readBlobs(oids: readonly Oid[], sizeBytesMax: number): Promise<readonly BlobRead[]>;
  /** Those of the ids that are not in the cache. */
  missing(oids: readonly Oid[]): Promise<readonly Oid[]>;
  /** See `Repository.scanBlobs`. */
  scanBlobs(oids: readonly Oid[], sizeBytesMax: number): AsyncIterable<readonly BlobRead[]>;
  diff(range: DiffRange): Promise<readonly TreeChange[]>;
  /** See `Repository.walk`. */
  walk(range: DiffRange): AsyncIterable<readonly TreeChange[]>;
  lookUp(commit: Oid, paths: readonly string[]): Promise<readonly (TreeEntry | null)[]>;
  /** See `Repository.list`. */
  list(commit: Oid, folder: string): Promise<readonly NamedEntry[]>;
  close(): Promise<void>;
}

/** A reader of the cache at `gitDir`, which is the directory of `git`. */
export function openObjectReader(git: Git, gitDir: string): ObjectReader {
  const headers = openCatFile(git, '--batch-check');
  const contents = openCatFile(git, '--batch');
  const trees = createTreeCache();
  const ask = async (oid: Oid): Promise<CatObject | null> =>
    looseAt(gitDir, oid) ?? contents.ask(oid);

  const holdTree: HoldTree = async (oid) => {
    const kept = trees.get(oid);
    if (kept !== undefined) return kept;
    const bytes = bytesOfTree(oid, await ask(oid));
    if (bytes !== null) trees.set(oid, bytes);
    return bytes;
  };
  const searchTree = createSearch(holdTree);
  const readTrees: ReadTrees = async (oids) => {
    if (oids.length < MANY) return Promise.all(oids.map(holdTree));
    const objects = await askMany(git, oids, HELD_BYTES_MAX);
    return oids.map((oid, at) => {
      const bytes = bytesOfTree(oid, objects[at] ?? null);
      if (bytes !== null) trees.set(oid, bytes);
      return bytes;
    });
  };
  const rootOf = async (oid: Oid): Promise<Oid> => {
    const object = await ask(oid);
    const commit = object?.type === 'commit' ? parseCommit(oid, object.bytes) : null;
    if (commit === null) throw missing('commit', oid);
    return commit.tree;
  };
  const askHeader = async (oid: Oid): Promise<CatObject | null> =>
    looseAt(gitDir, oid) ?? headers.ask(oid);
  const readBlob = async (oid: Oid, sizeBytesMax: number): Promise<BlobRead> => {
    const loose = looseAt(gitDir, oid);
    const header = loose ?? (await headers.ask(oid));
    if (header?.type !== 'blob') return { kind: 'missing' };
    if (header.sizeBytes > sizeBytesMax) return { kind: 'too-large', sizeBytes: header.sizeBytes };
    const object = loose ?? (await contents.ask(oid));
    return object === null ? { kind: 'missing' } : { kind: 'bytes', bytes: object.bytes };
  };
  const walk = async function* ({ from, to, under, refused }: DiffRange) {
    const folderOf = async (commit: Oid | null): Promise<Oid | null> =>
      commit === null ? null : findFolder(searchTree, await rootOf(commit), under);
    const prefix = under === '' ? '' : `${under}/`;
    const [left, right] = await Promise.all([folderOf(from), folderOf(to)]);
    yield* walkTrees(readTrees, { from: left, to: right, prefix }, refused);
  };
  return {
    has: async (oid) => (await askHeader(oid)) !== null,
    readCommit: async (oid) => infoOf(oid, await ask(oid)),
    readSigned: async (oid) => {
      const object = await ask(oid);
      return object?.type === 'commit' ? splitSignature(object.bytes) : null;
    },
    readCommits: async (oids) => {
      const objects =
        oids.length >= MANY
          ? await askMany(git, oids, HELD_BYTES_MAX)
          : await Promise.all(oids.map(ask));
      return oids.map((oid, i) => infoOf(oid, objects[i] ?? null));
    },
    rootOf,
    readTree: async (oid) => {
      const bytes = await holdTree(oid);
      if (bytes === null) throw new CrosstalkError('INTERNAL', `tree ${oid} is too large`);
      return bytes;
    },
    keepTree: (oid, bytes) => trees.set(oid, bytes),
    sizesOf: (oids) =>
      Promise.all(
        oids.map(async (oid) => {
          const header = await askHeader(oid);
          return header?.type === 'blob' ? header.sizeBytes : 0;
        }),
      ),
    missing: async (oids) => {
      const found =
        oids.length >= MANY ? await askHeaders(git, oids) : await Promise.all(oids.map(askHeader));
      return oids.filter((_, at) => found[at] == null);
    },
    readBlobs: (oids, sizeBytesMax) =>
      oids.length >= MANY
        ? readManyBlobs(git, oids, sizeBytesMax)
        : Promise.all(oids.map((oid) => readBlob(oid, sizeBytesMax))),
    scanBlobs: async function* (oids, sizeBytesMax) {
      if (oids.length < MANY)
        yield await Promise.all(oids.map((oid) => readBlob(oid, sizeBytesMax)));
      else
        for await (const objects of scanMany(git, oids, sizeBytesMax))
          yield objects.map((object) => blobOf(object, sizeBytesMax));
    },
    diff: async (range) => {
      const changes: TreeChange[] = [];
      for await (const piece of walk(range)) for (const change of piece) changes.push(change);
      return inOrder(changes);
    },
    walk,
    lookUp: async (commit, paths) => lookUpPaths(searchTree, await rootOf(commit), paths),
    list: async (commit, folder) => {
      const oid = await findFolder(searchTree, await rootOf(commit), folder);
      const tree = oid === null ? null : await holdTree(oid);
      return tree === null || oid === null ? [] : entriesOf(tree, oid);
    },
    close: async () => {
      await Promise.all([headers.close(), contents.close()]);
    },
  };
}

function looseAt(gitDir: string, oid: Oid): CatObject | null {
  // An id may come out of a stranger's record, and this one becomes a path.
  const object = parseOid(oid) === null ? null : readLoose(gitDir, oid);
  return object === null ? null : { oid, sizeBytes: object.bytes.length, ...object };
}

/** Null for one that is too large to be held. */
function bytesOfTree(oid: Oid, object: CatObject | null): Buffer | null {
  if (object?.type !== 'tree') throw missing('tree', oid);
  return object.bytes.length < object.sizeBytes ? null : object.bytes;
}

function entriesOf(tree: Buffer, oid: Oid): readonly NamedEntry[] {
  return listItems(tree, oid.length / 2)
    .map(({ key, mode, oid: of }) => ({ name: decodeName(key), kind: kindOfMode(mode), oid: of }))
    .sort(by(({ name }) => name));
}

function infoOf(oid: Oid, object: CatObject | null): CommitInfo | null {
  const commit = object?.type === 'commit' ? parseCommit(oid, object.bytes) : null;
  if (commit === null) return null;
  return {
    oid,
    parents: commit.parents,
    author: commit.author,
    committer: commit.committer,
    authoredMs: commit.authoredMs,
    message: commit.message,
  };
}

async function readManyBlobs(
  git: Git,
  oids: readonly Oid[],
  sizeBytesMax: number,
): Promise<readonly BlobRead[]> {
  const objects = await askMany(git, oids, sizeBytesMax);
  return objects.map((object) => blobOf(object, sizeBytesMax));
}

function blobOf(object: CatObject | null, sizeBytesMax: number): BlobRead {
  if (object?.type !== 'blob') return { kind: 'missing' };
  return object.sizeBytes > sizeBytesMax
    ? { kind: 'too-large', sizeBytes: object.sizeBytes }
    : { kind: 'bytes', bytes: object.bytes };
}

function missing(what: string, oid: Oid): CrosstalkError {
  return new CrosstalkError('INTERNAL', `${what} ${oid} is not in the cache`);
}

interface TreeCache {
  get(oid: Oid): Buffer | undefined;
  set(oid: Oid, bytes: Buffer): void;
}

/** The trees used last, up to a number of bytes. */
function createTreeCache(): TreeCache {
  const kept = new Map<Oid, Buffer>();
  let bytesKept = 0;
  const drop = (oid: Oid): void => {
    bytesKept -= kept.get(oid)?.length ?? 0;
    kept.delete(oid);
  };
  return {
    get: (oid) => {
      const bytes = kept.get(oid);
      if (bytes === undefined) return undefined;
      kept.delete(oid);
      kept.set(oid, bytes);
      return bytes;
    },
    set: (oid, bytes) => {
      if (bytes.length > TREE_KEPT_BYTES_MAX) return;
      drop(oid);
      kept.set(oid, bytes);
      bytesKept += bytes.length;
      for (const [oldest] of kept) {
        if (bytesKept <= TREES_KEPT_BYTES_MAX) break;
        drop(oldest);
      }
    },
  };
}

/** The bytes of a tree; null for one that is too large. */
type HoldTree = (oid: Oid) => Promise<Buffer | null>;

/** The entries of a tree that have one of these keys; none of one that is too large. */
type SearchTree = (oid: Oid, keys: ReadonlySet<string>) => Promise<FindItem>;

/** A tree of so many bytes is indexed when it is asked for more than once. */
const INDEXED_BYTES_MIN = 64 * 1024;
/** Indexed trees that are kept: a large folder is asked for in pieces. */
const INDEXED_MAX = 2;

function createSearch(holdTree: HoldTree): SearchTree {
  const indexed = new Map<Oid, FindItem>();
  let last: Oid | null = null;
  return async (oid, keys) => {
    const known = indexed.get(oid);
    if (known !== undefined) return known;
    const tree = (await holdTree(oid)) ?? NO_BYTES;
    const hashBytes = oid.length / 2;
    const isRepeated = last === oid;
    last = oid;
    if (keys.size === 1 && !isRepeated) return (key) => findItem(tree, key, hashBytes);
    if (tree.length < INDEXED_BYTES_MIN) return findItems(tree, keys, hashBytes);
    const index = indexItems(tree, hashBytes);
    indexed.set(oid, index);
    for (const [oldest] of indexed) {
      if (indexed.size <= INDEXED_MAX) break;
      indexed.delete(oldest);
    }
    return index;
  };
}

async function findFolder(searchTree: SearchTree, root: Oid, path: string): Promise<Oid | null> {
  if (path === '') return root;
  const [entry] = await lookUpPaths(searchTree, root, [path]);
  return entry?.kind === 'tree' ? entry.oid : null;
}

/** Trees that are held at once while paths are looked up. */
const LOOKED_UP_AT_ONCE = 64;

/**
 * The entries at paths below `root`, in the order asked; null when nothing stands there or a file
 * stands in the way. Each tree is gone through once, however many paths lead through it.
 */
async function lookUpPaths(
  searchTree: SearchTree,
  root: Oid,
  paths: readonly string[],
): Promise<readonly (TreeEntry | null)[]> {
  const found: (TreeEntry | null)[] = paths.map(() => null);
  const asked = paths.map((path, at) => ({ at, keys: path.split('/').map(encodeName) }));
  let level = new Map([[root, asked]]);
  for (let depth = 0; level.size > 0; depth += 1) {
    const next = new Map<Oid, typeof asked>();
    const trees = [...level];
    for (let start = 0; start < trees.length; start += LOOKED_UP_AT_ONCE)
      await Promise.all(
        trees.slice(start, start + LOOKED_UP_AT_ONCE).map(async ([oid, below]) => {
          const find = await searchTree(oid, new Set(below.map((one) => one.keys[depth] ?? '')));
          for (const one of below) {
            const item = find(one.keys[depth] ?? '');
            if (item === null) continue;
            const kind = kindOfMode(item.mode);
            if (depth === one.keys.length - 1) found[one.at] = { kind, oid: item.oid };
            else if (kind === 'tree') pushTo(next, item.oid, one);
          }
        }),
      );
    level = next;
  }
  return found;
}

function pushTo<T>(lists: Map<Oid, T[]>, oid: Oid, value: T): void {
  const list = lists.get(oid);
  if (list === undefined) lists.set(oid, [value]);
  else list.push(value);
}

const NO_BYTES = Buffer.alloc(0);

function inOrder(changes: TreeChange[]): readonly TreeChange[] {
  const sorted = changes.every(
    (change, i) => i === 0 || (changes[i - 1]?.path ?? '') <= change.path,
  );
  return sorted ? changes : changes.sort(by((change) => change.path));
}
