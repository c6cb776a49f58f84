/** The private bare repository: made on first use, written by nobody else, and thrown away without loss when it is damaged. */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import { parseOid, type Oid } from '../base/ids.ts';
import type { Random } from '../base/random.ts';
import type { Git } from './git-runner.ts';
import type { ObjectFormat } from './loose-objects.ts';

/** The refs that keep what was fetched: each moves only after everything below it has arrived. */
const KEPT = 'refs/crosstalk/';
/** The one of the branch. */
const TIP = 'tip';
const BRANCHES = 'branches';
const REPACK_MS = 30 * MINUTE;
/** Below these a repack would cost more than it saves. */
const LOOSE_MIN = 1_000;
const PACKS_MIN = 20;
/** Whoever writes a file for longer than this is dead. */
const HALF_WRITTEN_MS = 60 * MINUTE;
/** Names under which git and this program write before they rename. */
const HALF_WRITTEN = /^(tmp_|tip-[0-9a-f]+$|\.tmp-)/;

/** The cache as a folder. */
export interface GitCache {
  /** The object format, or null while there is no cache. */
  format(): ObjectFormat | null;
  create(format: ObjectFormat): Promise<void>;
  readTip(): Oid | null;
  writeTip(oid: Oid): void;
  /** Keeps the tip of another branch, given by its full name, that has arrived whole. */
  writeBranch(ref: string, oid: Oid): void;
  /** True for the commits that these refs stand at. */
  keeps(commit: Oid): boolean;
  /** Takes away the locks that a fetch leaves on its packs. */
  unlockPacks(): void;
  /** Removes what killed processes left half-written, and packs what lies loose when that is worth it. `nowMs`: wall time. */
  keep(nowMs: number): Promise<void>;
  /** Throws away a cache whose tip cannot be read, as a power cut may leave it; `usable` settles first whether git itself works. */
  check(usable: Promise<unknown>): Promise<void>;
}

/** The cache at the git directory of `git`. */
export function openGitCache(git: Git, gitDir: string, random: Random): GitCache {
  let format = readFormat(gitDir);
  const packs = `${gitDir}/objects/pack`;
  const read = (name: string): Oid | null => {
    const file = `${gitDir}/${KEPT}${name}`;
    return existsSync(file) ? parseOid(readFileSync(file, 'utf8').trim()) : null;
  };
  const branches = (): readonly string[] => {
    const folder = `${gitDir}/${KEPT}${BRANCHES}`;
    return existsSync(folder) ? readdirSync(folder).map((name) => `${BRANCHES}/${name}`) : [];
  };
  const write = (name: string, oid: Oid): void => {
    const [tmp, file] = [`${gitDir}/tip-${random.hex(6)}`, `${gitDir}/${KEPT}${name}`];
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(tmp, `${oid}\n`);
    renameSync(tmp, file);
  };
  return {
    format: () => format,
    create: async (wanted) => {
      await createBare(git, { gitDir, format: wanted, making: `${gitDir}.new-${random.hex(6)}` });
      format = wanted;
    },
    readTip: () => read(TIP),
    writeTip: (oid) => write(TIP, oid),
    writeBranch: (ref, oid) => write(`${BRANCHES}/${encodeURIComponent(ref)}`, oid),
    keeps: (commit) => [TIP, ...branches()].some((name) => read(name) === commit),
    unlockPacks: () => {
      for (const name of readdirSync(packs)) if (name.endsWith('.keep')) unlinkSync(`${packs}/${name}`);
    },
    keep: async (nowMs) => {
      removeHalfWritten(gitDir, nowMs - HALF_WRITTEN_MS);
      if (!isWorthRepacking(gitDir)) return;
      // Loose objects are taken in whether anything refers to them or not: records have no ref, commits not yet pushed have none either.
      await git.run({ args: ['-c', 'repack.writeBitmaps=false', 'repack', '--geometric=2', '-d', '-l', '-q'], limitMs: REPACK_MS });
      await git.run({ args: ['commit-graph', 'write', '--reachable', '--split', '--no-progress'], limitMs: REPACK_MS });
    },
    check: async (usable) => {
      const tip = read(TIP);
      const isWhole = tip !== null && (await git.run({ args: ['cat-file', '-e', `${tip}^{tree}`] })).code === 0;
      await usable;
      if (tip === null || isWhole) return;
      rmSync(gitDir, { recursive: true, force: true });
      format = null;
    },
  };
}

function removeHalfWritten(gitDir: string, beforeMs: number): void {
  const objects = `${gitDir}/objects`;
  const folders = [
    gitDir,
    `${objects}/pack`,
    ...readdirSync(objects).flatMap((name) => (/^[0-9a-f]{2}$/.test(name) ? [`${objects}/${name}`] : [])),
  ];
  for (const folder of folders)
    for (const name of readdirSync(folder)) {
      const path = `${folder}/${name}`;
      const found = HALF_WRITTEN.test(name) ? statSync(path, { throwIfNoEntry: false }) : undefined;
      if (found?.isFile() === true && found.mtimeMs < beforeMs) rmSync(path, { force: true });
    }
  // Another half-made cache beside this one.
  const beside = dirname(gitDir);
  for (const name of readdirSync(beside).filter((each) => each.startsWith(`${basename(gitDir)}.new-`)))
    if ((statSync(`${beside}/${name}`, { throwIfNoEntry: false })?.mtimeMs ?? beforeMs) < beforeMs)
      rmSync(`${beside}/${name}`, { recursive: true, force: true });
}

function readFormat(gitDir: string): ObjectFormat | null {
  if (!existsSync(`${gitDir}/HEAD`)) return null;
  return /objectformat\s*=\s*sha256/i.test(readFileSync(`${gitDir}/config`, 'utf8')) ? 'sha256' : 'sha1';
}

async function createBare(
  git: Git,
  { gitDir, format, making }: { readonly gitDir: string; readonly format: ObjectFormat; readonly making: string },
): Promise<void> {
  mkdirSync(dirname(gitDir), { recursive: true, mode: 0o700 });
  // No template: a user's template may bring hooks and settings of its own.
  const result = await git.run({ args: ['init', '--quiet', '--bare', '--template=', `--object-format=${format}`, '--', making] });
  if (result.code !== 0) throw new CrosstalkError('STATE_UNUSABLE', `the cache ${gitDir} could not be made: ${result.stderr.trim()}`);
  // Elsewhere first, so that a crash in the middle leaves no half-made cache.
  try {
    renameSync(making, gitDir);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    // Another process of this program has made it in between.
    if (!existsSync(`${gitDir}/HEAD`)) throw error;
  }
}

function isWorthRepacking(gitDir: string): boolean {
  // Names are hashes, so one folder in sixteen says how many there are, within a few parts in a hundred.
  const folders = Array.from('0123456789abcdef').map((digit) => `${gitDir}/objects/${digit}7`);
  const sampled = folders.map((folder) => (existsSync(folder) ? readdirSync(folder).length : 0));
  const loose = sampled.reduce((sum, count) => sum + count, 0) * 16;
  const packs = readdirSync(`${gitDir}/objects/pack`).filter((name) => name.endsWith('.pack')).length;
  return loose >= LOOSE_MIN || packs >= PACKS_MIN;
}
