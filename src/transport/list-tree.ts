/**
 * Every file below a tree. A few folders are read one by one through the held reader; from more on,
 * one `git ls-tree` costs less than their objects. Both give the same, also for trees that no
 * honest tool makes: of two entries with one name the first one counts.
 */
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Git } from './git-runner.ts';
import type { EntryKind } from './repository.ts';
import { decodeName, itemsOf, kindOfMode } from './tree-codec.ts';

/** From so many folders on git is asked. */
const FOLDERS_MAX = 100;
const LIST_MS = 10 * MINUTE;

/** A file, link or submodule; `path` begins with the prefix that was given. */
export interface ListedEntry {
  readonly path: string;
  readonly entry: EntryKind;
  readonly blob: Oid;
}

/**
 * A folder to be listed: its tree, and what the paths below it begin with (ending in a slash, or
 * empty).
 */
export interface Folder {
  readonly tree: Oid;
  readonly prefix: string;
}

/**
 * The entries below a folder, at any depth, in no order. Throws INTERNAL when a tree is not in the
 * cache.
 */
export async function listTree(
  git: Git,
  readTree: (oid: Oid) => Promise<Buffer>,
  folder: Folder,
): Promise<ListedEntry[]> {
  const found: ListedEntry[] = [];
  let folders = 0;
  for (let level: readonly Folder[] = [folder]; level.length > 0;) {
    folders += level.length;
    if (folders > FOLDERS_MAX) return listAtOnce(git, folder);
    const trees = await Promise.all(level.map(({ tree }) => readTree(tree)));
    level = level.flatMap(({ tree, prefix }, at): readonly Folder[] =>
      [...itemsOf(trees[at] ?? Buffer.alloc(0), tree.length / 2)].flatMap(({ key, mode, oid }) => {
        const [kind, path] = [kindOfMode(mode), prefix + decodeName(key)];
        if (kind === 'tree') return [{ tree: oid, prefix: `${path}/` }];
        found.push({ path, entry: kind, blob: oid });
        return [];
      }),
    );
  }
  return found;
}

async function listAtOnce(git: Git, { tree, prefix }: Folder): Promise<ListedEntry[]> {
  const found: ListedEntry[] = [];
  const isFirst = createFirsts();
  let rest = '';
  const take = (line: string): void => {
    const tab = line.indexOf('\t');
    const [mode = '', , name = ''] = line.slice(0, tab).split(' ');
    const [kind, oid, key] = [
      kindOfMode(Number.parseInt(mode, 8)),
      parseOid(name),
      line.slice(tab + 1),
    ];
    if (oid !== null && isFirst(key) && kind !== 'tree')
      found.push({ path: prefix + decodeName(key), entry: kind, blob: oid });
  };
  const result = await git.run({
    args: ['ls-tree', '-r', '-t', '-z', '--full-tree', tree],
    limitMs: LIST_MS,
    onStdout: (chunk) => {
      const lines = (rest + chunk.toString('latin1')).split('\0');
      rest = lines.pop() ?? '';
      lines.forEach(take);
    },
  });
  if (result.code !== 0)
    throw new CrosstalkError(
      'INTERNAL',
      `the tree ${tree} could not be listed: ${result.stderr.trim()}`,
    );
  return found;
}

/**
 * Told paths depth first, folders before what is in them: whether each is the first of its name,
 * and lies in no folder that is not.
 */
function createFirsts(): (path: string) => boolean {
  const open: { readonly prefix: string; readonly names: Set<string> }[] = [
    { prefix: '', names: new Set() },
  ];
  let passedOver: string | null = null;
  return (path) => {
    if (passedOver !== null && path.startsWith(passedOver)) return false;
    passedOver = null;
    const folder = path.slice(0, path.lastIndexOf('/') + 1);
    while (open.length > 1 && !folder.startsWith(open.at(-1)?.prefix ?? '')) open.pop();
    if (open.at(-1)?.prefix !== folder) open.push({ prefix: folder, names: new Set() });
    const names = open.at(-1)?.names;
    if (names === undefined || names.has(path)) {
      passedOver = `${path}/`;
      return false;
    }
    names.add(path);
    return true;
  };
}
