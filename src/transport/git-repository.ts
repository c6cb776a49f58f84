/**
 * The door to git, opened: one remote, one private cache, and the helper processes between them.
 */
import { resolve } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import { shellWord } from '../base/shell-word.ts';
import { openGitCache, type GitCache } from './git-cache.ts';
import { branchRef, checkRemoteUrl, type Environment } from './git-environment.ts';
import { createBlobSupply } from './blob-supply.ts';
import {
  findAdding,
  findSettled,
  findWriters,
  findWritesOf,
  isAncestorOf,
  readHistory,
} from './git-history.ts';
import { createGitRemote, type GitRemote, type Wanted } from './git-remote.ts';
import { checkGit, createGit, type Git, type GitOptions } from './git-runner.ts';
import { formatOf, type ObjectFormat } from './loose-objects.ts';
import { openObjectReader, type ObjectReader } from './object-reader.ts';
import { createKinship } from './kinship.ts';
import { createObjectWriter, type ObjectWriter } from './object-writer.ts';
import {
  hideSecrets,
  joinAccess,
  NO_ACCESS,
  openUrl,
  type RemoteAccess,
  splitSettings,
  isOnDisk,
} from './remote-url.ts';
import { requireWritable } from './require-writable.ts';
import type { Along, Reached, RefListing, Repository } from './repository.ts';
import { fixBy, withNote } from '../base/fix.ts';

/** Which transport, and what of this machine git may use. */
export interface GitRepositoryOptions extends Omit<GitOptions, 'gitDir'> {
  /** Where the private bare repository lies or is to be made. */
  readonly cacheDir: string;
  readonly url: string;
  /** Where pushes go, when that is another address of the same repository. */
  readonly pushUrl?: string;
  /** Whether git has rewritten the addresses (`insteadOf`) already. Default: no. */
  readonly isExact?: boolean;
  /** The branch's short name. */
  readonly branch: string;
  readonly random: Random;
  /**
   * A cache that is made now leaves out what older files say, when the remote can do that. One that
   * exists stays what it is.
   */
  readonly partial?: boolean;
  /** How long after its commit a message is too old to become work. Default: it never is. */
  readonly settledAfterMs?: number;
  /** Told why the remote cannot, when everything is fetched after all. */
  readonly onWhole?: (why: string) => void;
  /** The first commit of the transport, once it is known. */
  readonly rootCommit?: Oid;
  /** Told that the history of another transport was merged in, with its first commit. */
  readonly onForeign?: (root: Oid) => void;
}

/**
 * The repository of one transport. Checks URL, branch name and git's version; talks to nobody. The
 * cache is made when the remote first answered, because only then its object format is known.
 * Throws CONFIG_INVALID and GIT_UNUSABLE.
 */
export async function openGitRepository(options: GitRepositoryOptions): Promise<Repository> {
  const { allowHttp = false, isExact = false, access = NO_ACCESS } = options;
  const [open, push] = [openUrl(options.url), openUrl(options.pushUrl ?? options.url)];
  const [url, pushUrl] = [open, push].map((one) => checkRemoteUrl(one.url, allowHttp)) as [
    string,
    string,
  ];
  const ref = branchRef(options.branch);
  const gitDir = resolve(options.cacheDir);
  const git = createGit({
    ...options,
    gitDir,
    access: [open.access, push.access].reduce(joinAccess, access),
  });
  const remote = createGitRemote({
    git,
    clock: options.clock,
    url,
    pushUrl,
    branchRef: ref,
    allowHttp,
    isExact,
  });
  const cache = openGitCache(git, gitDir, options.random);
  const checked = checkOnce(git, options.env['PATH'] ?? '');
  // Every command waits for these: side by side they take the time of one. A git that cannot be
  // used must not condemn the cache.
  await Promise.all([
    checked,
    isOnDisk(url) && isOnDisk(pushUrl)
      ? null
      : adoptSettings(git, options.env, { access, urls: [url, pushUrl] }),
    cache.check(checked),
  ]);
  const {
    partial = false,
    settledAfterMs = Number.POSITIVE_INFINITY,
    onWhole = () => undefined,
    onForeign = () => undefined,
    rootCommit: root = null,
  } = options;
  return composeRepository({
    ...options,
    git,
    gitDir,
    remote,
    branchRef: ref,
    cache,
    partial,
    settledAfterMs,
    onWhole,
    kinship: { root, onForeign },
  });
}

/** Places in which a git that is new enough was found by this process. */
const usable = new Set<string>();

/** The page and an agent's tools open a repository for every command. */
async function checkOnce(git: Git, path: string): Promise<void> {
  if (usable.has(path)) return;
  await checkGit(git);
  usable.add(path);
}

/** Settings of the person that a call of ours would hide, or show. */
const ADOPTED = String.raw`^(core\.sshcommand|url\..*\.(push)?insteadof)$`;

/**
 * GIT_SSH_COMMAND, which is always set for git, would hide what git takes after it: core.sshCommand
 * of the clone and of the user, and GIT_SSH. An address of another kind may be rewritten to one of
 * ssh, and any address to one with a password in it, which then goes the way of the others.
 */
export async function adoptSettings(
  git: Git,
  env: Environment,
  { access, urls }: { readonly access: RemoteAccess; readonly urls: readonly string[] },
): Promise<void> {
  const asked = await git.run({ args: ['config', '--null', '--get-regexp', ADOPTED] });
  const settings = splitSettings(asked.stdout.toString('utf8'));
  git.grant(hideSecrets(urls, settings).access);
  if (env['GIT_SSH_COMMAND'] !== undefined) return;
  const ssh = [...settings, ...access.settings].findLast(
    ([key]) => key.toLowerCase() === 'core.sshcommand',
  );
  const program = env['GIT_SSH'];
  if (ssh !== undefined) git.useSshCommand(ssh[1]);
  else if (program !== undefined && program !== '') git.useSshCommand(shellWord(program));
}

interface RepositoryParts {
  readonly git: Git;
  readonly gitDir: string;
  readonly remote: GitRemote;
  readonly branchRef: string;
  readonly cache: GitCache;
  readonly clock: Clock;
  readonly random: Random;
  readonly partial: boolean;
  readonly settledAfterMs: number;
  readonly onWhole: (why: string) => void;
  readonly kinship: Pick<Parameters<typeof createKinship>[0], 'root' | 'onForeign'>;
}

function composeRepository(parts: RepositoryParts): Repository {
  const { git, remote, clock } = parts;
  const reader = openObjectReader(git, parts.gitDir);
  const store = createStore(parts, reader);
  const kin = createKinship({ git, reader, cache: parts.cache, ...parts.kinship });
  const supply = createBlobSupply({ reader, remote, cache: parts.cache });
  return {
    listRefs: async (prefixes, along) => {
      const listed = await (along === undefined
        ? remote.listRefs(prefixes)
        : store.look(prefixes, along));
      const oid =
        listed.kind === 'reached'
          ? (listed.value.tip ?? [...listed.value.refs.values()][0])
          : undefined;
      if (oid !== undefined) await store.ensure(formatOf(oid));
      return listed;
    },
    fetch: async ({ tip, records }) => {
      const ready = await store.ready();
      const fetched = ready.kind === 'reached' ? await store.fetch(tip, records) : ready;
      if (fetched.kind === 'unreachable')
        requireWritable(parts.gitDir, () => parts.cache.removeTemporaries());
      return fetched;
    },
    hasObject: async (oid) => parts.cache.format() !== null && reader.has(oid),
    hasHistory: async (commit) => parts.cache.format() !== null && store.isWhole(commit),
    keeps: (commit) => store.isKept(commit),
    diff: (range) => reader.diff(range),
    walk: (range) => reader.walk(range),
    lookUp: (commit, paths) => reader.lookUp(commit, paths),
    list: (commit, folder) => reader.list(commit, folder),
    sizesOf: async (oids) => {
      await supply.bring(oids);
      return reader.sizesOf(oids);
    },
    readBlobs: async (oids, sizeBytesMax) => {
      await supply.bring(oids);
      return reader.readBlobs(oids, sizeBytesMax);
    },
    scanBlobs: async function* (oids, sizeBytesMax) {
      await supply.bring(oids);
      yield* reader.scanBlobs(oids, sizeBytesMax);
    },
    bringBlobs: (oids) => supply.bring(oids),
    settledPart: (tip) =>
      findSettled(git, tip, {
        nowMs: clock.wallMs(),
        ageMs: parts.settledAfterMs,
        isPartial: parts.cache.isPartial(),
      }),
    readCommit: (oid) => reader.readCommit(oid),
    readSigned: kin.readSigned,
    findWrites: (paths, range) => {
      kin.about(range.to);
      return findWritesOf(git, reader, { paths, range });
    },
    findWriters: (paths, tip) => {
      kin.about(tip);
      return findWriters(git, { ...reader, readSigned: kin.readSigned }, { paths, tip });
    },
    findAddingCommits: (paths, range) => {
      kin.about(range.to);
      return findAdding(git, reader, { paths, range });
    },
    isAncestor: (ancestor, tip) => isAncestorOf(git, reader, [ancestor, tip]),
    history: (range) => readHistory(git, reader, range),
    buildCommits: async (parent, drafts) => {
      const built = await (await store.writer()).buildCommits(parent, drafts);
      store.noteBuilt(built);
      return built;
    },
    writeRecord: async (text, sign) =>
      (await store.writer()).writeRecord(text, clock.wallMs(), sign),
    push: (updates, { atomic }) => remote.push(updates, atomic),
    maintain: () => parts.cache.keep(clock.wallMs()),
    hurry: () => git.hurry(),
    close: async () => {
      await reader.close();
      await git.close();
    },
  };
}

function isBranch(ref: string): boolean {
  return ref.startsWith('refs/heads/');
}

/** Own commits of which is remembered that everything below them is in the cache. */
const BUILT_KEPT = 10_000;

interface Store {
  ensure(format: ObjectFormat): Promise<void>;
  ready(): Promise<Reached<null>>;
  writer(): Promise<ObjectWriter>;
  noteBuilt(commits: readonly Oid[]): void;
  isKept(commit: Oid): boolean;
  isWhole(commit: Oid): Promise<boolean>;
  look(prefixes: readonly string[], along: Along): Promise<Reached<RefListing>>;
  fetch(tip: Oid | null, records: ReadonlyMap<string, Oid>): Promise<Reached<null>>;
}

/** The cache's life: made when needed, its tip moved only when everything below has arrived. */
function createStore(parts: RepositoryParts, reader: ObjectReader): Store {
  const { git, cache, remote, gitDir, random, branchRef } = parts;
  const built = new Set<Oid>();
  let builtIn: string | null = null;
  let making: Promise<void> | null = null;
  let writer: ObjectWriter | null = null;

  const ensure = (format: ObjectFormat): Promise<void> => {
    if (cache.format() === null) making ??= cache.create(format).finally(() => (making = null));
    else if (cache.format() !== format)
      throw new CrosstalkError(
        'STATE_UNUSABLE',
        `the remote has ${format} objects, the cache ${gitDir} has others`,
        { fix: withNote(fixBy`rm -r ${gitDir}`, 'it is made again') },
      );
    return making ?? Promise.resolve();
  };
  const ready = async (): Promise<Reached<null>> => {
    if (cache.format() === null) {
      const format = await remote.probeFormat();
      if (format.kind === 'unreachable') return format;
      await ensure(format.value);
    }
    return { kind: 'reached', value: null };
  };
  const isKept = (commit: Oid): boolean =>
    (built.has(commit) && builtIn === cache.identity()) || cache.keeps(commit);
  /**
   * `commit` came with `brought`. That it lies in the cache alone would prove nothing: see
   * `hasHistory`.
   */
  const isBelow = async (commit: Oid, brought: Oid | null): Promise<boolean> =>
    brought !== null &&
    (await reader.has(commit)) &&
    (await isAncestorOf(git, reader, [commit, brought]));
  /**
   * Whether a fetch leaves contents out: that of a branch of which the cache has nothing yet. What
   * is new to a branch is wanted whole, and at once.
   */
  const leavesOut = async (wanted: Wanted): Promise<Reached<boolean>> => {
    const isFirst = [...wanted.keys()].some(
      (ref) => isBranch(ref) && !cache.hasBranch(ref === branchRef ? null : ref),
    );
    if (!isFirst || cache.isPartial()) return { kind: 'reached', value: isFirst };
    if (!parts.partial || cache.readTip() !== null) return { kind: 'reached', value: false };
    const able = await remote.probeFilter();
    if (able.kind === 'unreachable') return able;
    if (able.value.kind === 'able') cache.markPartial();
    else parts.onWhole(able.value.why);
    return { kind: 'reached', value: able.value.kind === 'able' };
  };
  const lacking = async (
    tip: Oid | null,
    records: ReadonlyMap<string, Oid>,
  ): Promise<Map<string, Oid>> => {
    const known = await Promise.all(
      [...records].map(([ref, oid]) =>
        isBranch(ref) ? Promise.resolve(isKept(oid)) : reader.has(oid),
      ),
    );
    const wanted = new Map([...records].filter((_, i) => known[i] === false));
    if (tip !== null && !isKept(tip)) wanted.set(branchRef, tip);
    return wanted;
  };
  return {
    ensure,
    ready,
    writer: async () => {
      const state = await ready();
      if (state.kind === 'unreachable')
        throw new CrosstalkError(
          'REMOTE_UNREACHABLE',
          `the transport could not be reached: ${state.failure.line}`,
        );
      writer ??= createObjectWriter({ gitDir, format: cache.format() ?? 'sha1', reader, random });
      return writer;
    },
    noteBuilt: (commits) => {
      if (builtIn !== cache.identity()) built.clear();
      builtIn = cache.identity();
      for (const commit of commits) built.add(commit);
      for (const commit of built) {
        if (built.size <= BUILT_KEPT) break;
        built.delete(commit);
      }
    },
    isKept,
    isWhole: async (commit) => isKept(commit) || (await isBelow(commit, cache.readTip())),
    look: async (prefixes, along) => {
      const have = cache.format() === null || cache.isPartial() ? null : cache.readTip();
      if (have === null) return remote.listRefs(prefixes);
      const asked = cache.identity();
      let wanted: Wanted = new Map();
      const looked = await remote.look(prefixes, {
        have,
        choose: async (listing) => {
          // Another branch may be a first one, and large.
          const records = [...along(listing)].filter(([ref]) => !isBranch(ref));
          wanted = await lacking(listing.tip, new Map(records));
          return [...new Set(wanted.values())];
        },
      });
      if (looked.kind === 'unreachable') return looked;
      const { hasBrought, ...listing } = looked.value;
      const tip = wanted.get(branchRef);
      // In another cache `have` need not be.
      const isWhole = hasBrought && cache.identity() === asked;
      // A pack may hold anything, whatever was asked for.
      const has = await Promise.all([...wanted.values()].map((oid) => reader.has(oid)));
      if (!isWhole || has.includes(false)) return { kind: 'reached', value: listing };
      if (tip !== undefined) cache.writeTip(tip);
      return { kind: 'reached', value: { ...listing, brought: new Set(wanted.keys()) } };
    },
    fetch: async (tip, records) => {
      const wanted = await lacking(tip, records);
      const bare = await leavesOut(wanted);
      if (bare.kind === 'unreachable') return bare;
      const fetched = await remote.fetch(wanted, { bare: bare.value, partial: cache.isPartial() });
      if (wanted.size > 0) cache.unlockPacks();
      if (fetched.kind === 'unreachable') return fetched;
      const hasCome = (ref: string, oid: Oid): Promise<boolean> =>
        isBelow(oid, fetched.value.get(ref) ?? null);
      for (const [ref, oid] of records)
        if (isBranch(ref) && wanted.has(ref) && (await hasCome(ref, oid)))
          cache.writeBranch(ref, oid);
      if (tip === null) return { kind: 'reached', value: null };
      if (!isKept(tip) && !(await hasCome(branchRef, tip)))
        return {
          kind: 'unreachable',
          failure: {
            reason: 'missing',
            line: `the branch moved away from ${tip} while it was fetched`,
          },
        };
      if (cache.readTip() !== tip) cache.writeTip(tip);
      return { kind: 'reached', value: null };
    },
  };
}
