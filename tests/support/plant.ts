/**
 * Trees and commits that no honest tool makes, put straight into a bare repository with plumbing.
 */
import { execFileSync } from 'node:child_process';

/** Modes of tree entries, as `git mktree` takes them. */
export type RawMode = '100644' | '100755' | '100664' | '120000' | '160000' | '040000';

/** One entry of a tree. Names may be any bytes. */
export interface RawEntry {
  readonly name: string | Uint8Array;
  readonly oid: string;
  readonly mode?: RawMode;
}

export interface Planter {
  /** A git command in the bare repository; stdout without the last newline. */
  readonly git: (args: readonly string[], input?: string | Uint8Array) => string;
  readonly blob: (content: string | Uint8Array) => string;
  readonly tree: (entries: readonly RawEntry[]) => string;
  /** A parentless commit with this message, as records on refs are. */
  readonly record: (message: string) => string;
  /**
   * Commits entries into a folder of the branch, beside what stands there, and moves the branch.
   */
  readonly plant: (folder: string, entries: readonly RawEntry[]) => string;
  /** Commits files at their paths. */
  readonly write: (files: Readonly<Record<string, string | Uint8Array>>) => string;
}

const TRIES_MAX = 50;

/** Plumbing for one bare repository. `env` is the whole environment of git. */
export function createPlanter(bare: string, env: Readonly<Record<string, string>>): Planter {
  const identity = {
    GIT_AUTHOR_NAME: 'Mallory',
    GIT_AUTHOR_EMAIL: 'm@example.org',
    GIT_COMMITTER_NAME: 'Mallory',
    GIT_COMMITTER_EMAIL: 'm@example.org',
  };
  const run: Run = (args, input) =>
    execFileSync('git', args, {
      cwd: bare,
      env: { ...env, ...identity },
      input,
      stdio: ['pipe', 'pipe', 'pipe'],
      maxBuffer: 64 * 1024 * 1024,
    });
  const git: Planter['git'] = (args, input = '') =>
    run(args, input).toString('utf8').replace(/\n$/, '');
  const blob: Planter['blob'] = (content) => git(['hash-object', '-w', '--stdin'], content);
  const tree: Planter['tree'] = (entries) =>
    git(['mktree', '-z', '--missing'], Buffer.concat(entries.map(formatEntry)));
  const commit = (root: string, parent: string): string =>
    git(['commit-tree', '-p', parent, '-m', 'say', root]);
  const advance = (change: (tip: string) => string): string =>
    again(() => {
      const tip = git(['rev-parse', 'refs/heads/main']);
      const next = commit(change(tip), tip);
      git(['update-ref', 'refs/heads/main', next, tip]);
      return next;
    });
  const edit = (
    treeish: string,
    [first, ...rest]: readonly string[],
    entries: readonly RawEntry[],
  ): string => {
    const standing = readEntries(run, treeish);
    if (first === undefined)
      return tree([
        ...standing.filter(({ name }) => !entries.some((entry) => sameName(entry.name, name))),
        ...entries,
      ]);
    const below = standing.find(({ name }) => sameName(name, first));
    const oid = edit(below?.mode === '040000' ? below.oid : '', rest, entries);
    return tree([
      ...standing.filter(({ name }) => !sameName(name, first)),
      { name: first, oid, mode: '040000' },
    ]);
  };
  return {
    git,
    blob,
    tree,
    record: (message) => git(['commit-tree', '-F', '-', git(['mktree'])], message),
    plant: (folder, entries) =>
      advance((tip) => edit(`${tip}^{tree}`, folder === '' ? [] : folder.split('/'), entries)),
    write: (files) => {
      if (!Object.keys(files).every((path) => PLAIN.test(path)))
        return advance((tip) =>
          Object.entries(files).reduce((root, [path, content]) => {
            const parts = path.split('/');
            const entry = { name: parts.at(-1) ?? '', oid: blob(content) };
            return edit(root, parts.slice(0, -1), [entry]);
          }, `${tip}^{tree}`),
        );
      return again(() => git(['fast-import', '--quiet'], importOf(files)));
    },
  };
}

/** Others push meanwhile: then it is done again on what they left. */
function again<T>(act: () => T): T {
  for (let tries = 0; ; tries += 1) {
    try {
      return act();
    } catch (error) {
      if (tries >= TRIES_MAX) throw error;
    }
  }
}

/** Paths that git takes from anybody. */
const PLAIN = /^(?:[\w-][\w. -]*\/)*[\w-][\w. -]*$/;

/**
 * What makes one commit of them on the branch and tells its id, in one process instead of ten a
 * file.
 */
function importOf(files: Readonly<Record<string, string | Uint8Array>>): Buffer {
  const seconds = Math.floor(Date.now() / 1_000);
  const data = (content: string | Uint8Array): readonly Uint8Array[] => {
    const bytes = Buffer.from(content);
    return [Buffer.from(`data ${bytes.length}\n`), bytes, Buffer.from('\n')];
  };
  return Buffer.concat([
    Buffer.from('commit refs/heads/main\nmark :1\n'),
    Buffer.from(`committer Mallory <m@example.org> ${seconds} +0000\n`),
    ...data('say'),
    Buffer.from('from refs/heads/main^0\n'),
    ...Object.entries(files).flatMap(([path, content]) => [
      Buffer.from(`M 100644 inline ${path}\n`),
      ...data(content),
    ]),
    Buffer.from('get-mark :1\n'),
  ]);
}

function formatEntry({ name, oid, mode = '100644' }: RawEntry): Buffer {
  const type = mode === '040000' ? 'tree' : mode === '160000' ? 'commit' : 'blob';
  return Buffer.concat([
    Buffer.from(`${mode} ${type} ${oid}\t`),
    Buffer.from(name),
    Buffer.from([0]),
  ]);
}

type Run = (args: readonly string[], input: string | Uint8Array) => Buffer;

function readEntries(run: Run, treeish: string): readonly RawEntry[] {
  if (treeish === '') return [];
  return run(['ls-tree', '-z', treeish], '')
    .toString('latin1')
    .split('\0')
    .flatMap((line) => {
      const match = /^(\d+) \w+ ([0-9a-f]+)\t([^]*)$/.exec(line);
      return match === null
        ? []
        : [
            {
              mode: match[1] as RawMode,
              oid: match[2] ?? '',
              name: Buffer.from(match[3] ?? '', 'latin1'),
            },
          ];
    });
}

function sameName(a: RawEntry['name'], b: RawEntry['name']): boolean {
  return Buffer.from(a).equals(Buffer.from(b));
}
