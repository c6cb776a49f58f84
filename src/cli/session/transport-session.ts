/**
 * A transport opened for a command: cache, mirror and host configuration, read up to the remote's
 * tip. Commands that only look and commands that publish use the same one; the dispatcher builds on
 * it in compose.ts.
 */
import { mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { DAY, HOUR, systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { type Oid, parseOid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { openCheckpoint, type SeenCheckpoint } from '../../local/checkpoint.ts';
import type { Config, Origins } from '../../local/config.ts';
import type { ConfigDirectory } from '../../local/config-directory.ts';
import {
  ensurePrivateDirectory,
  removeTemporaries,
  writeDurableFile,
} from '../../local/durable-file.ts';
import type { ConfigSources } from '../../local/decode-config.ts';
import { readConfig } from '../../local/read-config.ts';
import {
  locateStateDirectory,
  makeStateDirectory,
  type StateDirectory,
  stateRoot,
  transportId,
} from '../../local/state-directory.ts';
import { decodeIndex, encodeIndex } from '../../protocol/open-work.ts';
import {
  decodeTransport,
  isSlow,
  type LeaseTimes,
  OWN_PACE,
  type Pace,
  SLOW_LEASE,
} from '../../protocol/pace.ts';
import {
  archiveRef,
  type RefNames,
  refNames,
  TRANSPORT_FILE,
  VERSION_FILE,
} from '../../protocol/paths.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { isRefusal } from '../../transport/git-failure.ts';
import { openGitRepository } from '../../transport/git-repository.ts';
import { createGit } from '../../transport/git-runner.ts';
import { createMirror, type Mirror, type Rewrite } from '../../transport/mirror.ts';
import {
  publish,
  type Publisher,
  type Transaction,
  type TransactionOutcome,
} from '../../transport/publish.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { type ReadSpacing, spaceReads } from '../../transport/space-reads.ts';
import type { RefListing, RemoteFailure, Repository } from '../../transport/repository.ts';
import { type Invocation, option } from '../command.ts';
import { hostname } from './host-name.ts';
import { findSign } from './sign-as-person.ts';
import { findBranch } from './find-branch.ts';
import { findProjects } from './find-projects.ts';
import { locateTransport, type Located } from './locate.ts';
import { readRemoteTraits, type RemoteTraits } from '../../protocol/remote-traits.ts';
import { fixBy } from '../../base/fix.ts';

export interface TransportSession {
  readonly located: Located;
  /** Of the command that opened it: for git in people's clones. */
  readonly env: Invocation['env'];
  readonly branch: string;
  readonly repository: Repository;
  /** How far apart the reads of `repository` keep. */
  readonly spacing: ReadSpacing;
  readonly mirror: Mirror;
  readonly publisher: Publisher;
  /** Times of leases where pushes are few; null = they were set by hand and hold always. */
  readonly slowLease: LeaseTimes | null;
  readonly config: Config;
  /** Absolute directories of this host's projects by name. */
  readonly projects: Readonly<Record<string, string>>;
  readonly origins: Origins;
  readonly configDirectory: ConfigDirectory;
  readonly directory: StateDirectory;
  readonly checkpoint: SeenCheckpoint;
  /** 16 hex of remote and root commit: the key of approvals. */
  readonly id: string;
  readonly rootCommit: Oid;
  readonly refs: RefNames;
  readonly traits: RemoteTraits;
  /**
   * What the remote showed when the session was opened, the branch of the archive included; without
   * refs when it was not asked.
   */
  readonly listing: RefListing;
  /** Whether it was. */
  readonly listed: boolean;
  readonly close: () => Promise<void>;
}

export interface SessionOptions {
  /** Directory or URL given as an argument; null = where the command was started. */
  readonly where?: string | null;
  /** Values of flags that are settings: name as in local/config-settings.ts. */
  readonly flags?: ConfigSources['flags'];
  /** Do not read changes yet: the caller pulls itself. */
  readonly unread?: boolean;
}

/**
 * Opens the transport that an invocation is about. Throws NOT_A_TRANSPORT, CONFIG_INVALID,
 * REMOTE_UNREACHABLE, HISTORY_REWRITTEN.
 */
export async function openSession(
  invocation: Invocation,
  options: SessionOptions = {},
): Promise<TransportSession> {
  const [located, read] = await Promise.all([
    locateTransport(options.where ?? null, {
      env: invocation.env,
      cwd: resolve(invocation.cwd, option(invocation, 'dir') ?? '.'),
    }),
    readConfig({ env: invocation.env, flags: options.flags ?? {}, hostname: hostname() }),
  ]);
  for (const warning of read.warnings) invocation.io.warn(warning);
  const root = stateRoot(option(invocation, 'state'), invocation.env);
  await ensurePrivateDirectory(root);
  const { directory, id, rootCommit, branch } = await openPlace({
    root,
    invocation,
    located,
    config: read.config,
  });
  const spacing = { gapMs: 0 };
  const repository = spaceReads(
    await openAt(directory.cache, { root, invocation, located, config: read.config, branch }),
    { clock: systemClock, spacing },
  );
  const checkpoint = await openCheckpoint(directory.checkpointFile);
  const mirror = createMirror(repository, decodeIndex(checkpoint.value));
  try {
    const { listing, listed, traits } = await look(
      { repository, mirror, checkpoint, url: located.url, branch },
      options.unread === true,
    );
    return {
      located,
      env: invocation.env,
      branch,
      repository,
      spacing,
      slowLease: slowLeaseOf(read.origins),
      mirror,
      publisher: {
        repository,
        mirror,
        clock: systemClock,
        random: systemRandom,
        branchRef: `refs/heads/${branch}`,
        atomic: traits.atomic,
      },
      config: read.config,
      projects: await projectsOf(read.config, { located, env: invocation.env }),
      origins: read.origins,
      configDirectory: read.directory,
      directory,
      checkpoint,
      id,
      rootCommit,
      refs: refNames(traits.customRefs),
      traits,
      listing,
      listed,
      close: () => repository.close(),
    };
  } catch (error) {
    await repository.close();
    throw error;
  }
}

/** What somebody has set by hand is meant. */
function slowLeaseOf({ leaseMs, beatMs, leaseMarginMs }: Origins): LeaseTimes | null {
  const isSet = [leaseMs, beatMs, leaseMarginMs].some(({ kind }) => kind !== 'default');
  return isSet ? null : SLOW_LEASE;
}

/**
 * The lease that the hosts of a transport have, as far as this one can tell: its own, in the pace
 * that the tip asks for.
 */
export async function leaseOf(session: TransportSession): Promise<number> {
  const { slowLease, config, repository, mirror } = session;
  const pace = await paceOf({ repository, mirror });
  return slowLease !== null && isSlow(pace) ? slowLease.leaseMs : config.leaseMs;
}

/** The pace at the tip that was read; `own` when there is none, or none that can be read. */
export async function paceOf({
  repository,
  mirror,
}: Pick<TransportSession, 'repository' | 'mirror'>): Promise<Pace> {
  const { tip } = mirror.index();
  const text = tip === null ? null : await readTextAt(repository, tip, TRANSPORT_FILE);
  return (text === null ? null : decodeTransport(text).pace) ?? OWN_PACE;
}

interface Looked {
  readonly repository: Repository;
  readonly mirror: Mirror;
  readonly checkpoint: SeenCheckpoint;
  readonly url: string;
  readonly branch: string;
}

/** The project that a command was started in is one of this host's, unless it says otherwise. */
async function projectsOf(
  { projects }: Config,
  { located, env }: { readonly located: Located; readonly env: Invocation['env'] },
): Promise<TransportSession['projects']> {
  const { project, url } = located;
  const { byName } = await findProjects(projects, { url, env });
  return project === null || Object.hasOwn(projects.named, project.name)
    ? byName
    : { ...byName, [project.name]: project.directory };
}

/**
 * The first look. A caller that reads for itself (`run`) needs none when the cache knows the
 * transport: it must start while the remote is down.
 */
async function look(
  at: Looked,
  unread: boolean,
): Promise<Pick<TransportSession, 'listing' | 'listed' | 'traits'>> {
  const { repository, mirror } = at;
  const known = mirror.index().tip;
  if (unread && known !== null && (await repository.hasHistory(known)))
    return {
      listing: { tip: known, refs: new Map() },
      listed: false,
      traits: await readTraits(repository, known),
    };
  const prefixes = [refNames(true), refNames(false)].flatMap(({ claims, hosts, control }) => [
    claims,
    hosts,
    control,
  ]);
  const listed = await repository.listRefs([...prefixes, archiveRef(`refs/heads/${at.branch}`)]);
  if (listed.kind === 'unreachable') throw unreachable(at.url, listed.failure.line);
  if (!unread) await readUp(mirror, listed.value, at.checkpoint);
  const { tip } = listed.value;
  if (unread && tip !== null) await repository.fetch({ tip, records: new Map() });
  return { listing: listed.value, listed: true, traits: await readTraits(repository, tip) };
}

/** Publishes what a person asked for, or throws saying why it did not land. */
export async function publishFor(
  session: TransportSession,
  transactions: readonly Transaction[],
): Promise<readonly TransactionOutcome[]> {
  const sign = (await findSign(session)) ?? undefined;
  const outcomes = await publish({ ...session.publisher, sign }, transactions, {
    signal: new AbortController().signal,
    unreachableMsMax: 20_000,
  });
  for (const outcome of outcomes) {
    if (outcome.kind === 'refused') throw refused(outcome.line);
    if (outcome.kind === 'rewritten') throw rewritten(null);
    if (outcome.kind === 'unsettled')
      throw unreachable(session.located.url, outcome.failure?.line ?? 'no answer');
  }
  return outcomes;
}

/** The error of a remote that does not answer. */
export function unreachable(url: string, line: string): CrosstalkError {
  return new CrosstalkError('REMOTE_UNREACHABLE', `cannot reach ${url}: ${line}`, {
    fix: 'crosstalkd doctor',
  });
}

/** The error of a push that had no answer: the server was there and said no, or was not there. */
export function pushFailed(url: string, failure: RemoteFailure): CrosstalkError {
  return isRefusal(failure) ? refused(failure.line) : unreachable(url, failure.line);
}

/** The error of a push that the remote refuses, in its words. */
export function refused(line: string): CrosstalkError {
  return new CrosstalkError('REFUSED', `the remote refuses the push: ${line}`, {
    fix: 'crosstalkd doctor',
  });
}

/**
 * The error of a branch that moved backwards or changed its version file; null = nobody knows
 * which.
 */
export function rewritten(rewrite: Rewrite | null): CrosstalkError {
  const what =
    rewrite?.descends === true
      ? 'CROSSTALK-VERSION asks something else of hosts than before'
      : 'the branch on the remote does not contain what was read before';
  return new CrosstalkError(
    'HISTORY_REWRITTEN',
    `${what}; nothing runs until a person has looked`,
    { fix: fixOf({ kind: 'rewritten', isGone: rewrite !== null && rewrite.now === null }) },
  );
}

interface CloneLocation {
  readonly root: string;
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
/**
 * So far apart the clocks of those who commit may be, when it is settled what is too old to be
 * work.
 */
const CLOCKS_APART_MS = DAY;
type BranchPlace = CloneLocation & { readonly branch: string };

function openAt(cacheDir: string, place: BranchPlace): Promise<Repository> {
  const { config, located, branch, invocation } = place;
  return openGitRepository({
    cacheDir,
    url: located.url,
    ...(located.pushUrl === null ? {} : { pushUrl: located.pushUrl }),
    access: located.access,
    branch,
    env: invocation.env,
    clock: systemClock,
    random: systemRandom,
    networkMs: config.networkTimeoutMs,
    allowHttp: config.allowHttp,
    partial: config.partialCache,
    settledAfterMs: config.maxAgeMs + CLOCKS_APART_MS,
    onWhole: (why) =>
      invocation.io.warn(
        `partial-cache: the remote cannot leave contents out: ${why}; this host fetches all of them`,
      ),
  });
}

/**
 * State is named by remote and root commit. Which root and branch a URL has is remembered: finding
 * the root reads the history, and needs the remote.
 */
async function openPlace(
  place: CloneLocation,
): Promise<{ directory: StateDirectory; id: string; rootCommit: Oid; branch: string }> {
  const key = createHash('sha256')
    .update(`${place.located.url}\n${place.located.branch ?? ''}`)
    .digest('hex')
    .slice(0, 16);
  const pointer = join(place.root, 'roots', key);
  const known = existsSync(pointer) ? parsePointer(await readFile(pointer, 'utf8')) : null;
  // Its own name: two commands may be the first ones at the same time.
  const fresh = join(place.root, `new-${key}-${systemRandom.hex(4)}.git`);
  const { rootCommit, branch } = known ?? (await findRoot(place, fresh));
  const transport = { remoteUrl: place.located.url, rootCommit };
  const directory = locateStateDirectory(place.root, transport);
  if (known === null) {
    await makeStateDirectory(directory);
    await keepFirst(fresh, directory.cache);
    await mkdir(dirname(pointer), { recursive: true, mode: 0o700 });
    await writeDurableFile(pointer, `${rootCommit} ${branch}\n`);
    await removeTemporaries(dirname(pointer), systemClock.wallMs() - HALF_WRITTEN_MS);
    await removeFirstCaches(place.root);
  }
  await makeStateDirectory(directory);
  return { directory, id: transportId(transport), rootCommit, branch };
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

function parsePointer(text: string): { rootCommit: Oid; branch: string } | null {
  const [root = '', branch = ''] = text.trim().split(' ');
  const rootCommit = parseOid(root);
  return rootCommit === null || branch === '' ? null : { rootCommit, branch };
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

async function findRoot(
  place: CloneLocation,
  cacheDir: string,
): Promise<{ rootCommit: Oid; branch: string }> {
  const branch =
    place.located.branch ??
    (await findBranch({ ...place.located, ...place.config, env: place.invocation.env }));
  const repository = await openAt(cacheDir, { ...place, branch });
  try {
    const listed = await repository.listRefs([]);
    if (listed.kind === 'unreachable') throw unreachable(place.located.url, listed.failure.line);
    const { tip } = listed.value;
    if (tip === null)
      throw new CrosstalkError(
        'NOT_A_TRANSPORT',
        `${place.located.url} has no branch "${branch}"`,
        {
          fix: fixBy`crosstalkd init DIR --remote ${place.located.url} --branch ${branch}`,
        },
      );
    const fetched = await repository.fetch({ tip, records: new Map() });
    if (fetched.kind === 'unreachable') throw unreachable(place.located.url, fetched.failure.line);
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

async function readUp(
  mirror: Mirror,
  listing: RefListing,
  checkpoint: SeenCheckpoint,
): Promise<void> {
  const before = mirror.index().tip;
  const pulled = await mirror.pull({ tip: listing.tip, asOf: mirror.epoch() });
  if (pulled.kind === 'unreachable') throw unreachable('the transport', pulled.failure.line);
  if (pulled.value.kind === 'rewritten') throw rewritten(pulled.value);
  if (mirror.index().tip !== before) await checkpoint.keep(encodeIndex(mirror.index()));
}

async function readTraits(repository: Repository, tip: Oid | null): Promise<RemoteTraits> {
  return readRemoteTraits(
    tip === null || !(await repository.hasHistory(tip))
      ? null
      : await readTextAt(repository, tip, VERSION_FILE),
  );
}
