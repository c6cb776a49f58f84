/**
 * The private bare repository: created on first use, written by nobody else, and safe to delete
 * when damaged.
 */
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { Git } from './git-runner.ts';
import { type ObjectFormat, readLoose } from './loose-objects.ts';
import { parseCommit } from './commit-codec.ts';
import { refRoot } from '../protocol/paths.ts';

/** The refs that keep what was fetched: each moves only after everything below it has arrived. */
const KEPT = `${refRoot(true)}/`;
/** The one of the branch. */
const TIP = 'tip';
/** Its whole name: the newest commit of the conversation that this machine has. */
export const TIP_REF = `${KEPT}${TIP}`;
const BRANCHES = 'branches';
const ALONE = 'alone';
/**
 * Says that blobs may be missing. A file of our own and not git's `extensions.partialClone`: with
 * that every git in the cache, the held ones too, would fetch what it misses on its own, one blob
 * at a time.
 */
const PARTIAL = 'crosstalk-partial';
const REPACK_MS = 30 * MINUTE;
/** Below these a repack would cost more than it saves. */
const LOOSE_MIN = 1_000;
const PACKS_MIN = 20;
/** Anyone who writes a file for longer than this is dead. */
const HALF_WRITTEN_MS = 60 * MINUTE;
/**
 * Names under which git and this program write before they rename, and locks, for which the
 * housekeeping of git would wait for ever.
 */
const HALF_WRITTEN = /^(tmp_|tip-[0-9a-f]+$|\.tmp-)|\.lock$/;
/** Another cache that was being made, or was being thrown away, beside this one. */
const BESIDE = /^\.(new|gone)-[0-9a-f]+$/;

/** Whether the cache in a folder may lack contents of older commits. */
export function isPartialCache(gitDir: string): boolean {
  return existsSync(`${gitDir}/${PARTIAL}`);
}

/** The cache as a folder. */
export interface GitCache {
  /** The object format, or null while there is no cache. */
  format(): ObjectFormat | null;
  create(format: ObjectFormat): Promise<void>;
  readTip(): Oid | null;
  writeTip(oid: Oid): void;
  /** The newest commit whose history is known to have one beginning. */
  readAlone(): Oid | null;
  writeAlone(oid: Oid): void;
  /** Keeps the tip of another branch, given by its full name, that has arrived whole. */
  writeBranch(ref: string, oid: Oid): void;
  /**
   * True when something of a branch is kept: of the transport's (null) or of another one, given by
   * its full name.
   */
  hasBranch(ref: string | null): boolean;
  /** True for the commits that these refs stand at. */
  keeps(commit: Oid): boolean;
  /**
   * Names this very folder: another one has been made in its place when it differs. Null while
   * there is none.
   */
  identity(): string | null;
  /** True when contents of older commits were left out when it was filled. */
  isPartial(): boolean;
  /** Notes that they will be; before the first of it arrives. */
  markPartial(): void;
  /**
   * Removes what git was writing when the disk was full, or each further try would take room: also
   * of others, whose files do not fit either.
   */
  removeTemporaries(): void;
  /** Takes away the locks that a fetch leaves on its packs. */
  unlockPacks(): void;
  /**
   * Removes what killed processes left half-written, and packs what lies loose when that is worth
   * it. `nowMs`: wall time.
   */
  keep(nowMs: number): Promise<void>;
  /**
   * Throws away a cache whose tip cannot be read, as a power cut may leave it; `usable` settles
   * first whether git itself works.
   */
  check(usable: Promise<unknown>): Promise<void>;
}

/** The cache at the git directory of `git`. */
export function openGitCache(git: Git, gitDir: string, random: Random): GitCache {
  removeWhatIsNoFolder(gitDir);
  let format = readFormat(gitDir);
  const packs = `${gitDir}/objects/pack`;
  const read = (name: string): Oid | null => {
    const text = textOf(`${gitDir}/${KEPT}${name}`);
    return text === null ? null : parseOid(text.trim());
  };
  const branches = (): readonly string[] => {
    const folder = `${gitDir}/${KEPT}${BRANCHES}`;
    return namesIn(folder).map((name) => `${BRANCHES}/${name}`);
  };
  const write = (name: string, oid: Oid): void => {
    const [tmp, file] = [`${gitDir}/tip-${random.hex(6)}`, `${gitDir}/${KEPT}${name}`];
    // First what fails when the cache has been thrown away: a folder made in its place would be a
    // wreck.
    writeFileSync(tmp, `${oid}\n`);
    mkdirSync(dirname(file), { recursive: true });
    renameSync(tmp, file);
  };
  const isThere = (): boolean => existsSync(`${gitDir}/HEAD`);
  return {
    format: () => (isThere() ? format : null),
    create: async (wanted) => {
      await createBare(git, { gitDir, format: wanted, random });
      format = wanted;
    },
    readTip: () => read(TIP),
    writeTip: (oid) => write(TIP, oid),
    readAlone: () => read(ALONE),
    writeAlone: (oid) => write(ALONE, oid),
    writeBranch: (ref, oid) => write(`${BRANCHES}/${encodeURIComponent(ref)}`, oid),
    hasBranch: (ref) =>
      read(ref === null ? TIP : `${BRANCHES}/${encodeURIComponent(ref)}`) !== null,
    keeps: (commit) => [TIP, ...branches()].some((name) => read(name) === commit),
    identity: () => {
      const found = statSync(`${gitDir}/HEAD`, { throwIfNoEntry: false });
      return found === undefined ? null : `${found.ino} ${found.mtimeMs}`;
    },
    isPartial: () => isPartialCache(gitDir),
    markPartial: () => writeFileSync(`${gitDir}/${PARTIAL}`, 'blob:none\n'),
    removeTemporaries: () => {
      for (const folder of [packs, ...looseFolders(gitDir)])
        for (const name of namesIn(folder))
          if (name.startsWith('tmp_')) rmSync(`${folder}/${name}`, { force: true });
    },
    unlockPacks: () => {
      // Commands that read do this at the same time: anyone who comes second finds nothing.
      for (const name of namesIn(packs))
        if (name.endsWith('.keep')) rmSync(`${packs}/${name}`, { force: true });
    },
    keep: async (nowMs) => {
      removeHalfWritten(gitDir, nowMs - HALF_WRITTEN_MS);
      if (!isWorthRepacking(gitDir)) return;
      // Loose objects are taken in whether anything refers to them or not: records have no ref,
      // commits not yet pushed have none either.
      await git.run({
        args: ['-c', 'repack.writeBitmaps=false', 'repack', '--geometric=2', '-d', '-l', '-q'],
        limitMs: REPACK_MS,
      });
      await git.run({
        args: ['commit-graph', 'write', '--reachable', '--split', '--no-progress'],
        limitMs: REPACK_MS,
      });
    },
    check: async (usable) => {
      const isDamaged = async (): Promise<boolean> => {
        const tip = read(TIP);
        if (tip === null || !isThere())
          return isThere() && PARTS.some((name) => !existsSync(`${gitDir}/${name}`));
        if (isLooseCommit(gitDir, tip)) return false;
        // What took too long, or was killed, says nothing about the cache.
        const asked = await git.run({ args: ['cat-file', '-e', `${tip}^{tree}`] });
        return asked.ended === 'exited' && asked.code !== null && asked.code !== 0;
      };
      const first = await isDamaged();
      await usable;
      // Asked twice: another process may have thrown it away, and made it again, in between.
      if (!first || !(await isDamaged())) return;
      throwAway(gitDir, random);
      format = null;
    },
  };
}

/** Most tips are, with their tree: no process is needed to see that they can be read. */
function isLooseCommit(gitDir: string, tip: Oid): boolean {
  const object = readLoose(gitDir, tip);
  const commit = object?.type === 'commit' ? parseCommit(tip, object.bytes) : null;
  return commit !== null && readLoose(gitDir, commit.tree)?.type === 'tree';
}

/** What makes a folder a repository. Anyone who removes one and is killed leaves some of it. */
const PARTS = ['objects', 'refs', 'config'] as const;

/**
 * Under another name first: others see it whole or not at all, also when this process is killed
 * while it removes.
 */
function throwAway(gitDir: string, random: Random): void {
  const gone = `${gitDir}.gone-${random.hex(6)}`;
  try {
    renameSync(gitDir, gone);
  } catch (error) {
    if (existsSync(gitDir)) throw error;
  }
  rmSync(gone, { recursive: true, force: true });
}

/** The names in a folder; none when another process has removed it. */
function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return [];
  }
}

/** Where objects lie one by one. */
function looseFolders(gitDir: string): readonly string[] {
  const objects = `${gitDir}/objects`;
  return namesIn(objects).flatMap((name) =>
    /^[0-9a-f]{2}$/.test(name) ? [`${objects}/${name}`] : [],
  );
}

function removeHalfWritten(gitDir: string, beforeMs: number): void {
  const objects = `${gitDir}/objects`;
  const info = ['info', 'info/commit-graphs', 'pack'].map((name) => `${objects}/${name}`);
  const folders = [gitDir, `${gitDir}/refs/crosstalk`, objects, ...info, ...looseFolders(gitDir)];
  for (const folder of folders)
    for (const name of namesIn(folder)) {
      const path = `${folder}/${name}`;
      if (HALF_WRITTEN.test(name) || isPackWithoutIndex(path)) removeOld(path, beforeMs);
    }
  const beside = dirname(gitDir);
  for (const name of namesIn(beside))
    if (name.startsWith(basename(gitDir)) && BESIDE.test(name.slice(basename(gitDir).length)))
      removeOld(`${beside}/${name}`, beforeMs);
}

/** The index is written last; without it nothing reads the pack. */
function isPackWithoutIndex(path: string): boolean {
  return path.endsWith('.pack') && !existsSync(path.replace(/pack$/, 'idx'));
}

function removeOld(path: string, beforeMs: number): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found !== undefined && found.mtimeMs < beforeMs)
    rmSync(path, { recursive: true, force: true });
}

/** A file or a link that leads nowhere, in the place of a cache: it is made again, so it may go. */
function removeWhatIsNoFolder(path: string): void {
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return;
  try {
    if (statSync(path).isDirectory()) return;
  } catch (error) {
    if (!['ENOENT', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  rmSync(path, { force: true });
}

function readFormat(gitDir: string): ObjectFormat | null {
  if (!existsSync(`${gitDir}/HEAD`)) return null;
  return /objectformat\s*=\s*sha256/i.test(textOf(`${gitDir}/config`) ?? '') ? 'sha256' : 'sha1';
}

/** The text of a file; null when it is not there, or another process has just removed it. */
function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

async function createBare(
  git: Git,
  {
    gitDir,
    format,
    random,
  }: { readonly gitDir: string; readonly format: ObjectFormat; readonly random: Random },
): Promise<void> {
  const making = `${gitDir}.new-${random.hex(6)}`;
  mkdirSync(dirname(gitDir), { recursive: true, mode: 0o700 });
  // No template: a user's template may bring hooks and its own settings.
  const result = await git.run({
    args: ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, '--', making],
  });
  if (result.code !== 0)
    throw new CrosstalkError(
      'STATE_UNUSABLE',
      `the cache ${gitDir} could not be made: ${result.stderr.trim()}`,
    );
  // Elsewhere first, so that a crash in the middle leaves no half-made cache.
  try {
    renameSync(making, gitDir);
  } catch (error) {
    // Another process of this program has made it in between.
    if (existsSync(`${gitDir}/HEAD`)) rmSync(making, { recursive: true, force: true });
    else replaceWreck(error, { gitDir, making, random });
  }
}

/** What is left of a cache that somebody was removing when he was killed stands in the way. */
function replaceWreck(
  error: unknown,
  place: { readonly gitDir: string; readonly making: string; readonly random: Random },
): void {
  if (!existsSync(place.gitDir)) throw error;
  throwAway(place.gitDir, place.random);
  renameSync(place.making, place.gitDir);
}

function isWorthRepacking(gitDir: string): boolean {
  // Names are hashes, so one folder in sixteen says how many there are, within a few parts in a
  // hundred.
  const folders = Array.from('0123456789abcdef').map((digit) => `${gitDir}/objects/${digit}7`);
  const sampled = folders.map((folder) => namesIn(folder).length);
  const loose = sampled.reduce((sum, count) => sum + count, 0) * 16;
  const packs = namesIn(`${gitDir}/objects/pack`).filter((name) => name.endsWith('.pack')).length;
  return loose >= LOOSE_MIN || packs >= PACKS_MIN;
}
