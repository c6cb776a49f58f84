/**
 * Streams every commit below a tip with its changes, parents before children, in constant memory.
 */
import { cacheFailure } from './git-history.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Git } from './git-runner.ts';
import type { CommitInfo } from './repository.ts';

/** One path that a commit changed against its first parent. */
export interface PathChange {
  /** `A` added, `M` changed, `D` removed, `T` made another kind of thing. */
  readonly status: string;
  readonly path: string;
  /** The content after it; null when it was removed. */
  readonly blob: Oid | null;
  readonly isFile: boolean;
}

/** One commit of the walk. */
export interface WalkedCommit extends Omit<CommitInfo, 'authoredMs' | 'message'> {
  readonly changes: readonly PathChange[];
}

const FORMAT = '--format=%x01%H%x02%P%x02%an%x02%ae%x02%cn%x02%ce';

/**
 * The commits that `tip` consists of, oldest first; `without` the folders of which nothing is read.
 * Throws INTERNAL when the cache lacks a part of them.
 */
export async function* walkHistory(
  git: Git,
  tip: Oid,
  without: ReadonlySet<string> = new Set(),
): AsyncGenerator<WalkedCommit> {
  const flags = [
    // What came by a merge was there for anyone who answered after it, also what it brought itself.
    '--diff-merges=first-parent',
    '--topo-order',
    '--reverse',
    '--raw',
    '-z',
    '--no-abbrev',
    '--no-renames',
    '--root',
    '--no-ext-diff',
    '--no-color',
  ];
  const paths =
    without.size === 0 ? [] : ['.', ...[...without].map((path) => `:(exclude,literal)${path}`)];
  const [first, whole] =
    without.size === 0 ? [[], []] : [['--no-literal-pathspecs'], ['--full-history', '--sparse']];
  const process = git.start({
    args: [...first, 'log', ...flags, ...whole, FORMAT, tip, '--', ...paths],
  });
  process.stdin.end();
  const reader = createReader();
  for await (const chunk of process.stdout)
    for (const commit of reader.push(chunk as Buffer)) yield commit;
  for (const commit of reader.end()) yield commit;
  const { code } = await process.ended;
  if (code !== 0) throw cacheFailure('log', process.stderr());
}

interface Reader {
  readonly push: (chunk: Buffer) => readonly WalkedCommit[];
  readonly end: () => readonly WalkedCommit[];
}

/**
 * Reads `git log -z --raw`: a commit's line begins with \x01, a change is `:modes oids status` and
 * then its path.
 */
function createReader(): Reader {
  let rest = Buffer.alloc(0);
  let current: (Omit<WalkedCommit, 'changes'> & { readonly changes: PathChange[] }) | null = null;
  let pending: Omit<PathChange, 'path'> | null = null;
  const take = (token: string): WalkedCommit | null => {
    const text = token.replace(/^\n+/, '');
    if (pending !== null) {
      current?.changes.push({ ...pending, path: token });
      pending = null;
      return null;
    }
    if (text.startsWith(':')) {
      pending = parseRaw(text);
      return null;
    }
    if (!text.startsWith('\u0001')) return null;
    const done = current;
    current = parseHead(text);
    return done;
  };
  return {
    push: (chunk) => {
      const held = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const commits: WalkedCommit[] = [];
      let at = 0;
      for (let end = held.indexOf(0, at); end >= 0; end = held.indexOf(0, at)) {
        const commit = take(held.toString('utf8', at, end));
        if (commit !== null) commits.push(commit);
        at = end + 1;
      }
      rest = Buffer.from(held.subarray(at));
      return commits;
    },
    end: () => {
      const last = rest.length > 0 ? take(rest.toString('utf8')) : null;
      return [...(last === null ? [] : [last]), ...(current === null ? [] : [current])];
    },
  };
}

function parseHead(
  text: string,
): (Omit<WalkedCommit, 'changes'> & { readonly changes: PathChange[] }) | null {
  const [hash = '', parents = '', an = '', ae = '', cn = '', ce = ''] = text
    .slice(1)
    .split('\u0002');
  const oid = parseOid(hash);
  if (oid === null) return null;
  return {
    oid,
    parents: parents.split(' ').flatMap((parent) => parseOid(parent) ?? []),
    author: { name: an, email: ae },
    committer: { name: cn, email: ce.trim() },
    changes: [],
  };
}

function parseRaw(text: string): Omit<PathChange, 'path'> {
  const [, mode = '', , blob = '', status = ''] = text.slice(1).split(' ');
  return { status: status.charAt(0), blob: parseOid(blob), isFile: mode.startsWith('100') };
}
