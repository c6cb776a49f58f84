/** Questions about the history of the branch that need a walk over commits. */
import { CrosstalkError } from '../base/errors.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Git, GitCall } from './git-runner.ts';
import type { ObjectReader } from './object-reader.ts';
import type { CommitInfo, FileWriter, SettledPart } from './repository.ts';

interface Range {
  readonly from: Oid | null;
  readonly to: Oid;
}

/** More paths than this are not worth naming: the walk is done once without and filtered here. */
const PATHS_NAMED_MAX = 200;
/** First parents tried in process before a git process is started. */
const STEPS_IN_PROCESS = 32;
/** What is asked about is mostly no older than so many commits. */
const LINE = 1_024;
/** Changes of one path that are looked at. */
const CHANGES_MAX = 1_000;
const WALK_MS = 300_000;

/** Whether `ancestor` is `tip` or one of its ancestors. */
export async function isAncestorOf(
  git: Git,
  reader: ObjectReader,
  [ancestor, tip]: readonly [Oid, Oid],
): Promise<boolean> {
  let at: Oid | undefined = tip;
  for (let step = 0; step < STEPS_IN_PROCESS && at !== undefined; step++) {
    if (at === ancestor) return true;
    const commit: CommitInfo | null = await reader.readCommit(at);
    at = commit?.parents[0];
  }
  if (!(await reader.has(ancestor)) || !(await reader.has(tip))) return false;
  const result = await git.run({
    args: ['merge-base', '--is-ancestor', ancestor, tip],
    limitMs: WALK_MS,
  });
  if (result.ended === 'exited' && (result.code === 0 || result.code === 1))
    return result.code === 0;
  throw cacheFailure('merge-base', result.stderr);
}

/** The commits of the first-parent line after `from`, oldest first; the newest `max` of them. */
export async function readHistory(
  git: Git,
  reader: ObjectReader,
  range: Range & { readonly max: number },
): Promise<readonly CommitInfo[]> {
  const args = [
    'rev-list',
    '--first-parent',
    `--max-count=${range.max}`,
    ...rangeArgs(range),
    '--',
  ];
  const result = await git.run({ args, limitMs: WALK_MS });
  if (result.code !== 0) throw cacheFailure('rev-list', result.stderr);
  const oids = result.stdout
    .toString('utf8')
    .split('\n')
    .flatMap((line) => parseOid(line) ?? []);
  const commits = await reader.readCommits(oids);
  return commits.filter((commit) => commit !== null).reverse();
}

/** Fewer old commits than this are read like young ones: that takes no time worth a difference. */
const SETTLED_MIN = 1_024;
/** In a cache that lacks their contents, which would be fetched. */
const SETTLED_MIN_PARTIAL = 32;

/**
 * The newest commit of the first-parent line that was committed long ago, as was everything before
 * it: a commit with an old date on top of young ones makes none of them old. With it the names of
 * the authors from there on. Null when only few commits are that old.
 */
export async function findSettled(
  git: Git,
  tip: Oid,
  { nowMs, ageMs, isPartial }: Pick<SettledPart, 'isPartial'> & Record<'nowMs' | 'ageMs', number>,
): Promise<SettledPart | null> {
  if (ageMs === Number.POSITIVE_INFINITY) return null;
  let [first, commits] = ['', 0];
  const authors = new Set<string>();
  const take = (line: string): void => {
    const [hash = '', seconds = '', author = '', email = ''] = line.split('\u0001');
    const atMs = Number(seconds) * 1_000;
    if (atMs >= nowMs - ageMs) {
      // A clock that was far ahead says nothing of the commits around its own.
      if (atMs > nowMs + ageMs) return;
      [first, commits] = ['', 0];
      authors.clear();
      return;
    }
    if (commits === 0) first = hash;
    commits += 1;
    // What dispatchers commit is a model's, also of one that only its host knows.
    if (!/[@.]crosstalk$/.test(email)) authors.add(author);
  };
  const walk = createLines(take);
  const args = [
    'log',
    '--first-parent',
    '--no-color',
    '--no-show-signature',
    '--encoding=UTF-8',
    '--format=%H%x01%ct%x01%an%x01%ae',
    tip,
    '--',
  ];
  const result = await git.run({ args, onStdout: walk.push, limitMs: WALK_MS });
  if (result.code !== 0) throw cacheFailure('log', result.stderr);
  const isLong = commits >= (isPartial ? SETTLED_MIN_PARTIAL : SETTLED_MIN);
  const commit = isLong ? parseOid(first) : null;
  return commit === null ? null : { commit, authors, isPartial };
}

/** Hands on one line after the other of what comes in pieces; each ends with a line feed. */
function createLines(take: (line: string) => void): { readonly push: (chunk: Buffer) => void } {
  let rest = Buffer.alloc(0);
  return {
    push: (chunk) => {
      const held = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      const end = held.lastIndexOf(0x0a) + 1;
      for (const line of held.toString('utf8', 0, end).split('\n')) if (line !== '') take(line);
      rest = Buffer.from(held.subarray(end));
    },
  };
}

/**
 * For each path the newest commit of the range that added it. A merge adds only what none of its
 * parents has.
 */
export async function findAdding(
  git: Git,
  reader: ObjectReader,
  { paths, range }: { readonly paths: readonly string[]; readonly range: Range },
): Promise<ReadonlyMap<string, CommitInfo>> {
  const adding = await walkChanges(git, { paths, range, kinds: 'A', sides: [] });
  const commits = await reader.readCommits([...new Set([...adding.values()].flat())]);
  const byOid = new Map(
    commits.flatMap((commit) => (commit === null ? [] : [[commit.oid, commit] as const])),
  );
  return new Map(
    [...adding].flatMap(([path, [newest]]) => {
      const commit = newest === undefined ? undefined : byOid.get(newest);
      return commit === undefined ? [] : [[path, commit] as const];
    }),
  );
}

/**
 * For each path that stands in `tip` the commit that wrote what stands there. What came after that
 * one and was dropped by a merge was put back by nobody who wrote it: then there is no writer.
 */
export async function findWriters(
  git: Git,
  reader: ObjectReader,
  { paths, tip }: { readonly paths: readonly string[]; readonly tip: Oid },
): Promise<ReadonlyMap<string, FileWriter>> {
  const standing = await reader.lookUp(tip, paths);
  const recent = await findRecentWriters(reader, { paths, tip });
  const changing = await findWrites(git, {
    paths: paths.filter((path) => !recent.has(path)),
    tip,
  });
  const writerOf = async (path: string, blob: Oid | undefined): Promise<Oid | undefined> => {
    const changes = changing.get(path)?.slice(0, CHANGES_MAX) ?? [];
    for (const [at, commit] of changes.entries()) {
      const [then] = await reader.lookUp(commit, [path]);
      if (then?.oid !== blob) continue;
      const range = { from: commit, to: tip };
      const isLast =
        at === 0 || !(await walkChanges(git, { ...FOLLOWING, paths: [path], range })).has(path);
      return isLast ? commit : undefined;
    }
    return undefined;
  };
  const found = await Promise.all(
    paths.map(async (path, at): Promise<readonly (readonly [string, FileWriter])[]> => {
      const commit = recent.get(path) ?? (await writerOf(path, standing[at]?.oid));
      if (commit === undefined) return [];
      return [[path, { commit, signed: await reader.readSigned(commit) }]];
    }),
  );
  return new Map(found.flat());
}

/** For each path the commits of a range that changed or removed it, children first. */
export async function findWritesOf(
  git: Git,
  reader: ObjectReader,
  { paths, range }: { readonly paths: readonly string[]; readonly range: Range },
): Promise<ReadonlyMap<string, readonly Oid[]>> {
  const found = new Map<string, Oid[]>();
  let at = range.to;
  for (let step = 0; step < STEPS_IN_PROCESS && at !== range.from; step++) {
    const [parent, ...others] = (await reader.readCommit(at))?.parents ?? [];
    if (parent === undefined || others.length > 0) break;
    const [now, before] = [await reader.lookUp(at, paths), await reader.lookUp(parent, paths)];
    for (const [index, path] of paths.entries())
      if (now[index]?.oid !== before[index]?.oid) found.set(path, [...(found.get(path) ?? []), at]);
    at = parent;
  }
  return at === range.from ? found : walkChanges(git, { ...ALL, paths, range });
}

/**
 * For each path the commits that changed or removed it, children first, as far back as the newest
 * `LINE` commits go, if they are one line and all paths are changed there; else all of history.
 */
async function findWrites(
  git: Git,
  { paths, tip }: { readonly paths: readonly string[]; readonly tip: Oid },
): Promise<ReadonlyMap<string, readonly Oid[]>> {
  if (paths.length === 0) return new Map();
  const args = ['rev-list', '--first-parent', '--parents', `--max-count=${LINE}`, tip, '--'];
  const { stdout } = await git.run({ args, limitMs: WALK_MS });
  const line = stdout.toString('utf8').trim().split('\n');
  const isStraight = line.length === LINE && line.every((one) => one.split(' ').length === 2);
  const before = isStraight ? parseOid(line.at(-1)?.split(' ')[1] ?? '') : null;
  const lately =
    before === null
      ? new Map<string, readonly Oid[]>()
      : await walkChanges(git, { ...ALL, paths, range: { from: before, to: tip } });
  const rest = paths.filter((path) => !lately.has(path));
  const range = { from: null, to: tip };
  return new Map([...lately, ...(await walkChanges(git, { ...ALL, paths: rest, range }))]);
}

/**
 * The same without a git process, for what the newest commits wrote: as a rule what is asked about
 * is new. Who follows one parent of a merge does not see what it dropped: that is left to the walk.
 */
async function findRecentWriters(
  reader: ObjectReader,
  { paths, tip }: { readonly paths: readonly string[]; readonly tip: Oid },
): Promise<ReadonlyMap<string, Oid>> {
  const found = new Map<string, Oid>();
  let [open, at]: [readonly string[], Oid | undefined] = [paths, tip];
  for (let step = 0; step < STEPS_IN_PROCESS && at !== undefined && open.length > 0; step++) {
    const [parent, ...others]: readonly Oid[] = (await reader.readCommit(at))?.parents ?? [];
    if (others.length > 0) break;
    const now = await reader.lookUp(at, open);
    const before = parent === undefined ? [] : await reader.lookUp(parent, open);
    const kept: string[] = [];
    for (const [index, path] of open.entries()) {
      const oid = now[index]?.oid;
      if (oid === undefined) continue;
      if (before[index]?.oid === oid) kept.push(path);
      else found.set(path, at);
    }
    [open, at] = [kept, parent];
  }
  return found;
}

/** Which changes are looked for, and on which sides of merges. */
interface Walking {
  readonly kinds: string;
  readonly sides: readonly string[];
}

/** Also on sides that a merge left behind. */
const ALL: Walking = { kinds: 'ADMT', sides: ['--full-history'] };
/** Only what came after the beginning of the range, and not beside it. */
const FOLLOWING: Walking = { kinds: 'ADMT', sides: ['--full-history', '--ancestry-path'] };

/** For each path the commits of the range that changed it in one of these ways, children first. */
async function walkChanges(
  git: Git,
  {
    paths,
    range,
    kinds,
    sides,
  }: Walking & { readonly paths: readonly string[]; readonly range: Range },
): Promise<ReadonlyMap<string, readonly Oid[]>> {
  const changing = new Map<string, Oid[]>();
  if (paths.length === 0) return changing;
  const asked = new Set(paths);
  const walk = createAddingWalk((path, commit) => {
    if (!asked.has(path)) return;
    const commits = changing.get(path) ?? [];
    commits.push(commit);
    changing.set(path, commits);
  });
  // \x01 cannot begin a path that anybody asks for, so it tells a commit's line from a name.
  const format = '--format=%x01%H %P';
  // `log` is porcelain: every setting of the user that could change its output is overruled here.
  const steady = [
    '-c',
    'log.follow=false',
    '-c',
    'i18n.logOutputEncoding=UTF-8',
    'log',
    '--encoding=UTF-8',
    '--no-ext-diff',
    '--no-color',
    '--no-relative',
  ];
  const args = [
    ...steady,
    '-z',
    '--no-renames',
    '-m',
    '--topo-order',
    ...sides,
    `--diff-filter=${kinds}`,
    '--name-only',
    format,
  ];
  const named = asked.size <= PATHS_NAMED_MAX ? [...asked] : [];
  const call: GitCall = {
    args: [...args, ...rangeArgs(range), '--', ...named],
    onStdout: walk.push,
    limitMs: WALK_MS,
  };
  const result = await git.run(call);
  if (result.code !== 0) throw cacheFailure('log', result.stderr);
  walk.end();
  return changing;
}

function rangeArgs({ from, to }: Range): readonly string[] {
  return from === null ? [to] : [to, `^${from}`];
}

/**
 * Reads `git log -z -m --name-only`: a merge comes once for each parent, and a name counts when it
 * comes with all of them.
 */
function createAddingWalk(onAdded: (path: string, commit: Oid) => void): {
  readonly push: (chunk: Buffer) => void;
  readonly end: () => void;
} {
  let rest = Buffer.alloc(0);
  let commit: Oid | null = null;
  let parents = 0;
  let seen = new Map<string, number>();
  const finish = (): void => {
    if (commit !== null)
      for (const [path, times] of seen) if (times >= parents) onAdded(path, commit);
    seen = new Map();
  };
  const take = (token: string): void => {
    const text = token.startsWith('\n') ? token.slice(1) : token;
    if (!text.startsWith('\u0001')) {
      if (text !== '') seen.set(text, (seen.get(text) ?? 0) + 1);
      return;
    }
    const [oid = '', ...others] = text.slice(1).trim().split(' ');
    if (oid === commit) return;
    finish();
    commit = parseOid(oid);
    parents = Math.max(1, others.length);
  };
  const push = (chunk: Buffer): void => {
    const held = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    for (let end = held.indexOf(0, at); end >= 0; end = held.indexOf(0, at)) {
      take(held.toString('utf8', at, end));
      at = end + 1;
    }
    rest = Buffer.from(held.subarray(at));
  };
  return {
    push,
    end: () => {
      if (rest.length > 0) take(rest.toString('utf8'));
      finish();
    },
  };
}

/** What a failure of git in the cache is to a person. */
export function cacheFailure(command: string, stderr: string): CrosstalkError {
  return new CrosstalkError(
    'INTERNAL',
    `git ${command} failed in the cache: ${stderr.trim().split('\n')[0] ?? ''}`,
    { fix: 'crosstalkd doctor --fix' },
  );
}
