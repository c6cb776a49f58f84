/**
 * A transport opened for a command: cache, mirror and host configuration, read up to the remote's
 * tip. Commands that only look and commands that publish use the same one; the dispatcher builds on
 * it in compose.ts.
 */
import { dirname, resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { systemRandom } from '../../base/random.ts';
import { readApprovals } from '../../local/approvals.ts';
import { openCheckpoint, type SeenCheckpoint } from '../../local/checkpoint.ts';
import type { Config, Origins } from '../../local/config.ts';
import type { ConfigDirectory } from '../../local/config-directory.ts';
import { ensurePrivateDirectory } from '../../local/durable-file.ts';
import type { ConfigSources } from '../../local/decode-config.ts';
import { readConfig } from '../../local/read-config.ts';
import { type StateDirectory, stateRoot } from '../../local/state-directory.ts';
import { decodeIndex, encodeIndex } from '../../protocol/index-checkpoint.ts';
import { isSlow, type LeaseTimes, OWN_PACE, type Pace, SLOW_LEASE } from '../../protocol/pace.ts';
import { archiveRef, type RefNames, refNames, VERSION_FILE } from '../../protocol/paths.ts';
import { createMirror, type ClosersJudge, type Mirror } from '../../transport/mirror.ts';
import { createClosersJudge } from '../../dispatcher/find-forged.ts';
import { createTrust } from '../../local/trust-store.ts';
import type { Trust } from '../../protocol/trust.ts';
import type { Publisher } from '../../transport/transaction.ts';
import { readPaceAt } from '../../transport/read-pace.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { createGit, type Git } from '../../transport/git-runner.ts';
import { isOnDisk } from '../../transport/remote-url.ts';
import { createReadLine, type ReadLine, type ReadSpacing } from '../../transport/space-reads.ts';
import { type RefListing, type Repository, TIP_ALONE } from '../../transport/repository.ts';
import { type Invocation, option } from '../command.ts';
import { hostname } from './host-name.ts';
import { findProjects } from './find-projects.ts';
import { isUrl, type Located, locateTransport } from './locate.ts';
import { readRemoteTraits, type RemoteTraits } from '../../protocol/remote-traits.ts';
import { tellInLine, tellWaits } from './tell-waits.ts';
import { unreachable, rewritten } from './remote-errors.ts';
import { findKnown, followRename, openPlace, openAt } from './open-place.ts';

export interface TransportSession {
  readonly located: Located;
  /** Of the command that opened it: for git in people's clones. */
  readonly env: Invocation['env'];
  readonly branch: string;
  readonly repository: Repository;
  /** How far apart the reads of `repository` keep. */
  readonly spacing: ReadLine;
  readonly mirror: Mirror;
  /** Whose word counts on this host now. */
  readonly trust: () => Promise<Trust>;
  /** By which the mirror judges what closes messages. */
  readonly closers: ClosersJudge;
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

/** Git in the cache, for what the repository does not do. */
export function gitOf({ env, directory }: Pick<TransportSession, 'env' | 'directory'>): Git {
  return createGit({ env, gitDir: directory.cache, clock: systemClock });
}

export interface SessionOptions {
  /** Directory or URL given as an argument; null = where the command was started. */
  readonly where?: string | null;
  /** Values of flags that are settings: name as in local/config-settings.ts. */
  readonly flags?: ConfigSources['flags'];
  /** Do not read changes yet: the caller pulls itself. */
  readonly unread?: boolean;
  /** The line of a dispatcher, in which the reads of opening stand as all that follow do. */
  readonly spacing?: ReadLine;
}

/**
 * Opens the transport that an invocation is about. Throws NOT_A_TRANSPORT, CONFIG_INVALID,
 * REMOTE_UNREACHABLE, HISTORY_REWRITTEN.
 */
export async function openSession(
  invocation: Invocation,
  options: SessionOptions = {},
): Promise<TransportSession> {
  const dir = option(invocation, 'dir') ?? '.';
  const isRemote = isUrl(dir, invocation.cwd);
  const [located, read] = await Promise.all([
    locateTransport(options.where ?? (isRemote ? dir : null), {
      env: invocation.env,
      cwd: resolve(invocation.cwd, isRemote ? '.' : dir),
    }),
    readConfig({ env: invocation.env, flags: options.flags ?? {}, hostname: hostname() }),
  ]);
  for (const warning of read.warnings) invocation.io.warn(warning);
  const root = stateRoot(option(invocation, 'state'), invocation.env);
  await ensurePrivateDirectory(root);
  // A dispatcher tells of its remote in its own way.
  const tell = tellWaits(invocation.io, located.url);
  const spacing = options.spacing ?? tellInLine(createReadLine(systemClock, systemRandom), tell);
  // A host that has been here before reads nothing until it knows the pace.
  if (options.spacing !== undefined && (await findKnown({ root, located })) === null)
    spaceUntilKnown(spacing, located.url);
  const { directory, id, rootCommit, branch, hasMoved } = await openPlace({
    root,
    spacing,
    invocation,
    located,
    config: read.config,
  });
  if (hasMoved && (await readApprovals(read.directory, id)).size === 0)
    invocation.io.warn(movedNote(located.url));
  const place = { root, spacing, invocation, located, config: read.config, branch, rootCommit };
  const opened = await openAt(directory.cache, place);
  const push: Repository['push'] = (...given) => tell(() => opened.push(...given));
  const repository = options.spacing === undefined ? { ...opened, push } : opened;
  const checkpoint = await openCheckpoint(directory.checkpointFile);
  const trust = openTrust(invocation, {
    read,
    flags: options.flags ?? {},
    stateDirectory: directory.path,
  });
  const closers = createClosersJudge(repository, trust);
  const mirror = createMirror(repository, decodeIndex(checkpoint.value), closers);
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
      trust,
      closers,
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
    const isRewritten = error instanceof CrosstalkError && error.code === 'HISTORY_REWRITTEN';
    const renamed = isRewritten ? await followRename({ ...place, branch }) : null;
    if (renamed === null) throw error;
    invocation.io.warn(renamedNote(branch, renamed));
    return openSession(invocation, options);
  }
}

/** What must be signed here and whose keys are known, as it is written at any moment. */
function openTrust(
  { env, io }: Invocation,
  of: {
    readonly read: Awaited<ReturnType<typeof readConfig>>;
    readonly flags: ConfigSources['flags'];
    readonly stateDirectory: string;
  },
): TransportSession['trust'] {
  const { config, directory } = of.read;
  return createTrust(
    {
      directory,
      alias: config.alias,
      stateDirectory: of.stateDirectory,
      readSettings: async () =>
        (await readConfig({ env, flags: of.flags, hostname: hostname() })).config,
      onProblem: io.warn,
    },
    config,
  );
}

/**
 * The name that the branch of a session has now, when it is gone and the session knows its remote
 * by the address only; what is opened next stands there. Null: it stays as it is.
 */
export function findRenamed(
  invocation: Invocation,
  { located, branch, config, spacing, directory }: TransportSession,
): Promise<string | null> {
  const root = dirname(directory.path);
  return followRename({ root, spacing, invocation, located, config, branch });
}

/** The session again on that name: what a caller that reads for itself does. */
export async function reopenRenamed(
  invocation: Invocation,
  session: TransportSession,
): Promise<TransportSession | null> {
  const renamed = await findRenamed(invocation, session);
  if (renamed === null) return null;
  invocation.io.warn(renamedNote(session.branch, renamed));
  return openSession(invocation, { unread: true });
}

const renamedNote = (was: string, now: string): string =>
  `the branch "${was}" of the remote is "${now}" now; this host follows it`;

/**
 * Between two reads of a host, where up to eight begin together and a forge allows eight a second:
 * on their way reads come closer together than they were sent.
 */
export const CAREFUL_GAP_MS = 3_000;

/** Until the pace is known, no host reads more than its part of what a forge allows. */
export function spaceUntilKnown(spacing: ReadSpacing, url: string): void {
  if (!isOnDisk(url)) spacing.gapMs = Math.max(spacing.gapMs, CAREFUL_GAP_MS);
}

const movedNote = (url: string): string =>
  `this conversation had another address on this host before. Approvals belong to an address: to approve its models at ${url}: crosstalkd allow --all`;

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

/** The pace at the tip that was read; `own` when there is none or it cannot be read. */
export async function paceOf({
  repository,
  mirror,
}: Pick<TransportSession, 'repository' | 'mirror'>): Promise<Pace> {
  const { tip } = mirror.index();
  return tip === null ? OWN_PACE : (await readPaceAt(repository, tip, null)).pace;
}

interface Looked extends Pick<TransportSession, 'repository' | 'mirror' | 'checkpoint' | 'branch'> {
  readonly url: string;
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
  const listed = await repository.listRefs(
    [...prefixes, archiveRef(`refs/heads/${at.branch}`)],
    TIP_ALONE,
  );
  if (listed.kind === 'unreachable') throw unreachable(at.url, listed.failure);
  if (!unread) await readUp(mirror, listed.value, at.checkpoint);
  const { tip } = listed.value;
  if (unread && tip !== null) await repository.fetch({ tip, records: new Map() });
  return { listing: listed.value, listed: true, traits: await readTraits(repository, tip) };
}

async function readUp(
  mirror: Mirror,
  listing: RefListing,
  checkpoint: SeenCheckpoint,
): Promise<void> {
  const before = mirror.index().tip;
  const pulled = await mirror.pull({ tip: listing.tip, asOf: mirror.epoch() });
  if (pulled.kind === 'unreachable') throw unreachable('the transport', pulled.failure);
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
