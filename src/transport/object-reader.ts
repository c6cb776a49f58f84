/**
 * What is in the cache: trees, blobs and commits, read through held processes. Trees are kept in
 * memory for a while: they never change.
 */
import { CrosstalkError } from '../base/errors.ts';
import { by } from '../base/order.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import { askHeaders, askMany, HELD_BYTES_MAX, openCatFile, type CatObject } from './cat-file.ts';
import type { SignedBytes } from '../protocol/trust.ts';
import { parseCommit, splitSignature } from './commit-codec.ts';
import type { Git } from './git-runner.ts';
import { readLoose } from './loose-objects.ts';
import type { BlobRead, CommitInfo, DiffRange, TreeChange, TreeEntry } from './repository.ts';
import { encodeName, findItem, kindOfMode, type TreeItem } from './tree-codec.ts';
import { type ReadTrees, walkTrees } from './walk-trees.ts';

const TREES_KEPT_BYTES_MAX = 8 * 1024 * 1024;
const TREE_KEPT_BYTES_MAX = 512 * 1024;
/** From so many objects on a process of their own is cheaper than the held one. */
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
  diff(range: DiffRange): Promise<readonly TreeChange[]>;
  lookUp(commit: Oid, paths: readonly string[]): Promise<readonly (TreeEntry | null)[]>;
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
  const readTrees: ReadTrees = async (oids) => {
    if (oids.length < MANY) return Promise.all(oids.map(holdTree));
    const objects = await askMany(git, oids, HELD_BYTES_MAX);
    return oids.map((oid, at) => bytesOfTree(oid, objects[at] ?? null));
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
    diff: async ({ from, to, under, refused }) => {
      const folderOf = async (commit: Oid | null): Promise<Oid | null> =>
        commit === null ? null : findFolder(holdTree, await rootOf(commit), under);
      const prefix = under === '' ? '' : `${under}/`;
      const [left, right] = await Promise.all([folderOf(from), folderOf(to)]);
      return inOrder(await walkTrees(readTrees, { from: left, to: right, prefix }, refused));
    },
    lookUp: async (commit, paths) => {
      const root = await rootOf(commit);
      return Promise.all(paths.map((path) => lookUpPath(holdTree, root, path)));
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
  return objects.map((object): BlobRead => {
    if (object?.type !== 'blob') return { kind: 'missing' };
    return object.sizeBytes > sizeBytesMax
      ? { kind: 'too-large', sizeBytes: object.sizeBytes }
      : { kind: 'bytes', bytes: object.bytes };
  });
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

function hashBytesOf(oid: Oid): number {
  return oid.length / 2;
}

/** The entry at a path below `root`; null when nothing stands there or a file stands in the way. */
async function findAt(holdTree: HoldTree, root: Oid, path: string): Promise<TreeItem | null> {
  let item: TreeItem | null = { key: '', mode: 0o040000, oid: root };
  for (const name of path.split('/')) {
    if (kindOfMode(item.mode) !== 'tree') return null;
    const tree = await holdTree(item.oid);
    item = tree === null ? null : findItem(tree, encodeName(name), hashBytesOf(root));
    if (item === null) return null;
  }
  return item;
}

async function findFolder(holdTree: HoldTree, root: Oid, path: string): Promise<Oid | null> {
  if (path === '') return root;
  const item = await findAt(holdTree, root, path);
  return item !== null && kindOfMode(item.mode) === 'tree' ? item.oid : null;
}

async function lookUpPath(holdTree: HoldTree, root: Oid, path: string): Promise<TreeEntry | null> {
  const item = await findAt(holdTree, root, path);
  return item === null ? null : { kind: kindOfMode(item.mode), oid: item.oid };
}

function inOrder(changes: TreeChange[]): readonly TreeChange[] {
  const sorted = changes.every(
    (change, i) => i === 0 || (changes[i - 1]?.path ?? '') <= change.path,
  );
  return sorted ? changes : changes.sort(by((change) => change.path));
}
