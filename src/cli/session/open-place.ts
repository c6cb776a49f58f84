/**
 * Where a transport is kept on this machine: the state directory, found by remote and root commit,
 * and the cache in it.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DAY, HOUR, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { fixBy } from '../../base/fix.ts';
import { type Oid, parseOid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import type { Config } from '../../local/config.ts';
import { removeTemporaries, writeDurableFile } from '../../local/durable-file.ts';
import {
  locateStateDirectory,
  makeStateDirectory,
  type StateDirectory,
  transportId,
} from '../../local/state-directory.ts';
import { openGitRepository } from '../../transport/git-repository.ts';
import { createGit } from '../../transport/git-runner.ts';
import type { Repository } from '../../transport/repository.ts';
import { type ReadLine, spaceReads } from '../../transport/space-reads.ts';
import type { Invocation } from '../command.ts';
import { asDispatcher, type AskedRemote, findBranch, readHeads } from './remote-branches.ts';
import type { Located } from './locate.ts';
import { unreachable } from './remote-errors.ts';

interface CloneLocation {
  readonly root: string;
  readonly spacing: ReadLine;
  readonly invocation: Invocation;
  readonly located: Located;
  readonly config: Config;
}
/** Anyone who writes a pointer for longer than this was killed. */
const HALF_WRITTEN_MS = HOUR;
/**
 * Where the first command of a transport fetches before it knows the name of the state directory.
 */
const FIRST_CACHE = /^new-[0-9a-f]{16}-[0-9a-f]{8}\.git$/;
const FIRST_FETCH_MS_MAX = 24 * HOUR;
/** Clock skew tolerated between committers when old messages are ruled out as work. */
const CLOCKS_APART_MS = DAY;
type BranchPlace = CloneLocation & { readonly branch: string; readonly rootCommit?: Oid };

/** The repository of a place, its reads in line. */
export async function openAt(cacheDir: string, place: BranchPlace): Promise<Repository> {
  const { config, located, branch, invocation, spacing, rootCommit } = place;
  const repository = await openGitRepository({
    cacheDir,
    url: located.url,
    ...(located.pushUrl === null ? {} : { pushUrl: located.pushUrl }),
    isExact: located.clone !== null,
    access: located.access,
    branch,
    env: invocation.env,
    clock: systemClock,
    random: systemRandom,
    networkMs: config.networkTimeoutMs,
    allowHttp: config.allowHttp,
    partial: config.partialCache,
    settledAfterMs: config.maxAgeMs + CLOCKS_APART_MS,
    ...(rootCommit === undefined ? {} : { rootCommit }),
    onForeign: (root) =>
      invocation.io.warn(
        `the history of another transport was merged into this one (it begins with ${root}): what was signed there is ignored here`,
      ),
    onWhole: (why) =>
      invocation.io.warn(
        `partial-cache: the remote cannot omit contents: ${why}; this host fetches all of them`,
      ),
  });
  return spaceReads(repository, spacing);
}

/**
 * State is named by remote and root commit. Which root and branch a URL has is remembered: finding
 * the root reads the history, and needs the remote.
 */
export async function openPlace(place: CloneLocation): Promise<{
  readonly directory: StateDirectory;
  readonly id: string;
  readonly rootCommit: Oid;
  readonly branch: string;
  /** This host knew the conversation before, at another address, and not at this one. */
  readonly hasMoved: boolean;
}> {
  const { key, pointer } = pointerOf(place);
  const known = await readPointer(pointer);
  // Its own name: two commands may be the first ones at the same time.
  const fresh = join(place.root, `new-${key}-${systemRandom.hex(4)}.git`);
  const { rootCommit, branch } = known ?? (await findRoot(place, fresh));
  const transport = { remoteUrl: place.located.url, rootCommit };
  const directory = locateStateDirectory(place.root, transport);
  const hasMoved = !existsSync(directory.path) && (await knowsRoot(place.root, rootCommit));
  if (known === null) {
    await makeStateDirectory(directory);
    await keepFirst(fresh, directory.cache);
    await mkdir(dirname(pointer), { recursive: true, mode: 0o700 });
    await writeDurableFile(pointer, `${rootCommit} ${branch}\n`);
    await removeTemporaries(dirname(pointer), systemClock.wallMs() - HALF_WRITTEN_MS);
    await removeFirstCaches(place.root);
  }
  await makeStateDirectory(directory);
  return { directory, id: transportId(transport), rootCommit, branch, hasMoved };
}

async function knowsRoot(root: string, rootCommit: Oid): Promise<boolean> {
  const places = join(root, 'roots');
  const names = existsSync(places) ? await readdir(places) : [];
  const texts = await Promise.all(
    names.map((name) => readFile(join(places, name), 'utf8').catch(() => '')),
  );
  return texts.some((text) => parsePointer(text)?.rootCommit === rootCommit);
}

/**
 * What a first command that was killed while it fetched has left: with a large transport that is
 * much.
 */
async function removeFirstCaches(root: string): Promise<void> {
  for (const name of await readdir(root)) {
    if (!FIRST_CACHE.test(name)) continue;
    const found = await stat(join(root, name)).catch(() => null);
    if (found !== null && found.mtimeMs < systemClock.wallMs() - FIRST_FETCH_MS_MAX)
      await rm(join(root, name), { recursive: true, force: true });
  }
}

/** The place of a transport that a command has opened here before, else null. Asks no remote. */
export async function findKnown(
  place: Pick<CloneLocation, 'root' | 'located'>,
): Promise<{ readonly directory: StateDirectory } | null> {
  const known = await readPointer(pointerOf(place).pointer);
  if (known === null) return null;
  const transport = { remoteUrl: place.located.url, rootCommit: known.rootCommit };
  return { directory: locateStateDirectory(place.root, transport) };
}

function pointerOf({ root, located }: Pick<CloneLocation, 'root' | 'located'>): {
  readonly key: string;
  readonly pointer: string;
} {
  const key = createHash('sha256')
    .update(`${located.url}\n${located.branch ?? ''}`)
    .digest('hex')
    .slice(0, 16);
  return { key, pointer: join(root, 'roots', key) };
}

async function readPointer(
  pointer: string,
): Promise<{ readonly rootCommit: Oid; readonly branch: string } | null> {
  return existsSync(pointer) ? parsePointer(await readFile(pointer, 'utf8')) : null;
}

function parsePointer(text: string): { rootCommit: Oid; branch: string } | null {
  const [root = '', branch = ''] = text.trim().split(' ');
  const rootCommit = parseOid(root);
  return rootCommit === null || branch === '' ? null : { rootCommit, branch };
}

/**
 * Where a transport that is known by its address only stands now, when its branch is gone: on the
 * branch that begins with the same commit. The next that opens it opens that one. Null: it is not
 * known, its branch is there, or no other is the same conversation.
 */
export async function followRename(place: BranchPlace): Promise<string | null> {
  const { key, pointer } = pointerOf(place);
  const known = place.located.branch === null ? await readPointer(pointer) : null;
  if (known === null) return null;
  const fresh = join(place.root, `new-${key}-${systemRandom.hex(4)}.git`);
  try {
    const { branches } = await readHeads(askedAt(place));
    if (branches.length === 0 || branches.includes(place.branch)) return null;
    // Another command may have followed it before.
    if (branches.includes(known.branch)) return known.branch;
    const { rootCommit, branch } = await findRoot(place, fresh);
    if (rootCommit !== known.rootCommit) return null;
    await writeDurableFile(pointer, `${rootCommit} ${branch}\n`);
    return branch;
  } catch {
    return null;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

/** The first cache of a transport stays, a second one is thrown away. */
async function keepFirst(fresh: string, cache: string): Promise<void> {
  try {
    if (!existsSync(cache)) await rename(fresh, cache);
  } catch (error) {
    // Another command has made it in between.
    if (!existsSync(join(cache, 'HEAD'))) throw error;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

function askedAt({ located, config, invocation, spacing }: CloneLocation): AskedRemote {
  const { url, access } = located;
  const { allowHttp, networkTimeoutMs: networkMs } = config;
  return asDispatcher(url, { env: invocation.env, access, allowHttp, networkMs }, spacing);
}

async function findRoot(
  place: CloneLocation,
  cacheDir: string,
): Promise<{ rootCommit: Oid; branch: string }> {
  const branch = place.located.branch ?? (await findBranch(askedAt(place)));
  const repository = await openAt(cacheDir, { ...place, branch });
  try {
    const listed = await repository.listRefs([]);
    if (listed.kind === 'unreachable') throw unreachable(place.located.url, listed.failure);
    const { tip } = listed.value;
    if (tip === null)
      throw new CrosstalkError(
        'NOT_A_TRANSPORT',
        `${place.located.url} has no branch "${branch}"`,
        { fix: fixBy`crosstalkd init DIR --remote ${place.located.url} --branch ${branch}` },
      );
    const fetched = await repository.fetch({ tip, records: new Map() });
    if (fetched.kind === 'unreachable') throw unreachable(place.located.url, fetched.failure);
    const git = createGit({ env: place.invocation.env, gitDir: cacheDir, clock: systemClock });
    const roots = await git.run({ args: ['rev-list', '--max-parents=0', '--first-parent', tip] });
    const rootCommit = parseOid(roots.stdout.toString('utf8').trim().split('\n').at(-1) ?? '');
    if (rootCommit === null) throw new CrosstalkError('INTERNAL', `no root commit below ${tip}`);
    return { rootCommit, branch };
  } catch (error) {
    await rm(cacheDir, { recursive: true, force: true });
    throw error;
  } finally {
    await repository.close();
  }
}
