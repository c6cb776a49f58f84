/**
 * Builds commits in the object database alone: reads and writes only the folders on the way to a
 * changed file.
 */
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { type CommitParts, formatCommit, formatSignedCommit } from './commit-codec.ts';
import {
  makeObject,
  writeLoose,
  hashBytesOf,
  type NewObject,
  type ObjectFormat,
} from './loose-objects.ts';
import type { ObjectReader } from './object-reader.ts';
import { writePack } from './pack-file.ts';
import type { CommitDraft, Identity } from './repository.ts';
import {
  editTree,
  encodeName,
  findItem,
  kindOfMode,
  MODE_FILE,
  MODE_FOLDER,
  type TreeEdit,
} from './tree-codec.ts';

/** Where and how objects are written. */
export interface WriterOptions {
  readonly gitDir: string;
  readonly format: ObjectFormat;
  readonly reader: ObjectReader;
  readonly random: Random;
}

/** The writing side of the cache. */
export interface ObjectWriter {
  buildCommits(parent: Oid | null, drafts: readonly CommitDraft[]): Promise<readonly Oid[]>;
  writeRecord(text: string, atMs: number, sign?: CommitDraft['sign']): Promise<Oid>;
}

/**
 * From this many objects on (one reply has about nine) the two files of a pack cost less than a
 * file for each; `maintain` joins the packs.
 */
const PACK_MIN = 6;
const RECORD_AUTHOR: Identity = { name: 'crosstalkd', email: 'crosstalkd@crosstalk' };

/** A writer into one cache. */
export function createObjectWriter(options: WriterOptions): ObjectWriter {
  const write = (objects: readonly NewObject[]): Promise<void> =>
    objects.length < PACK_MIN
      ? writeLoose(options.gitDir, objects, options.random)
      : writePack(options, objects);
  const writeRecords = shareWrites(write);
  return {
    buildCommits: async (parent, drafts) => {
      const build = startBuild(options);
      const commits: Oid[] = [];
      let root = parent === null ? null : await options.reader.rootOf(parent);
      for (const draft of drafts) {
        root = await buildTree(build, root, draft);
        const parents = [commits.at(-1) ?? parent].filter((oid) => oid !== null);
        commits.push(await addCommit(build, { ...draft, tree: root, parents }, options.format));
      }
      await write([...build.objects.values()]);
      for (const { oid, type, bytes } of build.objects.values())
        if (type === 'tree') options.reader.keepTree(oid, bytes);
      return commits;
    },
    writeRecord: async (text, atMs, sign) => {
      const build = startBuild(options);
      const tree = build.add('tree', EMPTY);
      const by = { author: RECORD_AUTHOR, committer: RECORD_AUTHOR };
      const record = await addCommit(
        build,
        { tree, parents: [], ...by, atMs, message: text, sign },
        options.format,
      );
      await writeRecords([...build.objects.values()]);
      return record;
    },
  };
}

type Write = (objects: readonly NewObject[]) => Promise<void>;

/**
 * Objects of many calls in one turn of the event loop are written at once: claims are made by the
 * dozen.
 */
function shareWrites(write: Write): Write {
  let shared: { readonly objects: Map<Oid, NewObject>; readonly written: Promise<void> } | null =
    null;
  return (objects) => {
    if (shared === null) {
      const waiting = new Map<Oid, NewObject>();
      const written = new Promise(setImmediate).then(() => {
        shared = null;
        return write([...waiting.values()]);
      });
      shared = { objects: waiting, written };
    }
    for (const object of objects) shared.objects.set(object.oid, object);
    return shared.written;
  };
}

/**
 * What one call makes: nothing of it is on disk before its end, so later commits read earlier trees
 * from here.
 */
interface Build {
  readonly objects: ReadonlyMap<Oid, NewObject>;
  readonly hashBytes: number;
  add(type: NewObject['type'], bytes: Buffer): Oid;
  readTree(oid: Oid): Promise<Buffer>;
}

const EMPTY = Buffer.alloc(0);

function startBuild({ format, reader }: WriterOptions): Build {
  const objects = new Map<Oid, NewObject>();
  return {
    objects,
    hashBytes: hashBytesOf(format),
    add: (type, bytes) => {
      const object = makeObject(format, type, bytes);
      objects.set(object.oid, object);
      return object.oid;
    },
    readTree: async (oid) => objects.get(oid)?.bytes ?? reader.readTree(oid),
  };
}

async function addCommit(
  build: Build,
  { sign, ...parts }: CommitParts & Pick<CommitDraft, 'sign'>,
  format: WriterOptions['format'],
): Promise<Oid> {
  const text =
    sign === undefined
      ? formatCommit(parts)
      : await formatSignedCommit(parts, sign, format === 'sha256');
  return build.add('commit', Buffer.from(text));
}

/** What is to change in one folder: by name, a blob, a removal, or changes further down. */
type FolderEdits = Map<string, Oid | null | FolderEdits>;

async function buildTree(build: Build, root: Oid | null, draft: CommitDraft): Promise<Oid> {
  const edits: FolderEdits = new Map();
  for (const path of draft.removes ?? []) putEdit(edits, path, null);
  for (const { path, content } of draft.writes)
    putEdit(edits, path, build.add('blob', Buffer.from(content)));
  return (await editFolder(build, root, { edits, at: '' })) ?? build.add('tree', EMPTY);
}

function putEdit(edits: FolderEdits, path: string, edit: Oid | null): void {
  const parts = path.split('/');
  if (
    parts.some(
      (part) =>
        part === '' ||
        part === '.' ||
        part === '..' ||
        part.toLowerCase() === '.git' ||
        part.includes('\0'),
    )
  )
    throw impossible(path, 'it is not a path of a tree');
  let folder = edits;
  for (const part of parts.slice(0, -1)) {
    const below = folder.get(part) ?? new Map<string, never>();
    if (!(below instanceof Map))
      throw impossible(path, 'the same commit writes a file where a folder is needed');
    folder.set(part, below);
    folder = below;
  }
  const name = parts.at(-1) ?? '';
  if (folder.get(name) instanceof Map) throw impossible(path, 'the same commit writes below it');
  folder.set(name, edit);
}

/** The folder's new tree; null when nothing is left in it. */
async function editFolder(
  build: Build,
  oid: Oid | null,
  folder: { readonly edits: FolderEdits; readonly at: string },
): Promise<Oid | null> {
  const tree = oid === null ? EMPTY : await build.readTree(oid);
  const made = await Promise.all(
    [...folder.edits].map(async ([name, edit]): Promise<readonly [string, TreeEdit]> => {
      const path = folder.at + name;
      const key = encodeName(name);
      const old = findItem(tree, key, build.hashBytes);
      const oldKind = old === null ? null : kindOfMode(old.mode);
      if (!(edit instanceof Map)) {
        if (oldKind === 'tree' && edit !== null) throw impossible(path, 'a folder is there');
        return [key, edit === null ? null : { mode: MODE_FILE, oid: edit }];
      }
      if (oldKind !== null && oldKind !== 'tree' && [...leaves(edit)].some((leaf) => leaf !== null))
        throw impossible(path, 'a file is where a folder is needed');
      if (old !== null && oldKind !== 'tree') return [key, { mode: old.mode, oid: old.oid }];
      const below = await editFolder(build, old?.oid ?? null, { edits: edit, at: `${path}/` });
      return [key, below === null ? null : { mode: MODE_FOLDER, oid: below }];
    }),
  );
  const bytes = editTree(tree, new Map(made), build.hashBytes);
  return bytes.length === 0 ? null : build.add('tree', bytes);
}

function* leaves(edits: FolderEdits): Generator<Oid | null> {
  for (const edit of edits.values()) {
    if (edit instanceof Map) yield* leaves(edit);
    else yield edit;
  }
}

function impossible(path: string, why: string): CrosstalkError {
  return new CrosstalkError('INTERNAL', `cannot write ${JSON.stringify(path)}: ${why}`);
}
