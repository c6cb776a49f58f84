/**
 * What `doctor` asks of this machine: configuration, state directory, lock, leftovers, cache, and
 * the programs behind its models.
 */
import { readdir, rm, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { MINUTE, systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { byCodeUnit } from '../../base/order.ts';
import { isOurs } from '../../local/durable-file.ts';
import { isOfAnotherContainer, readLock } from '../../local/lock.ts';
import { ownIdentity } from '../../local/process-identity.ts';
import { probeWakeLock } from '../../local/wake-lock.ts';
import { isPartialCache } from '../../transport/git-cache.ts';
import { type GitResult } from '../../transport/git-runner.ts';
import type { Invocation } from '../command.ts';
import { examineLeftovers } from './doctor-leftovers.ts';
import { examinePrograms } from './doctor-programs.ts';
import { type Finding, fine, trouble } from './finding.ts';
import { readService } from './read-service.ts';
import { findProgram } from '../look/find-program.ts';
import type { Surroundings } from '../look/look-around.ts';
import type { ModelOffer } from '../../local/served-models.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { andThen, fixBy, fixByHand } from '../../base/fix.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { gitOf } from '../session/transport-session.ts';

const FREE_BYTES = { warn: 200 * 1_048_576, bad: 20 * 1_048_576 } as const;
const FSCK_MS = MINUTE;
/** Every git of ours has ended or was killed long before. */
const GIT_LOCK_MS = 30 * MINUTE;

/** Findings about this machine. */
export async function examineHost(
  invocation: Invocation,
  around: Surroundings,
): Promise<readonly Finding[]> {
  return [
    ...(await examineState(around)),
    await examineDispatcher(around),
    ...(await examineLeftovers(around)),
    ...(await examineService(invocation, around)),
    await examineCache(around),
    ...(await examineCacheLocks(around)),
    ...(await examineWakeLock(invocation, around)),
    ...examineModels(invocation, around),
    ...(await examinePrograms(invocation, around)),
  ];
}

async function examineState({ session }: Surroundings): Promise<readonly Finding[]> {
  const { path } = session.directory;
  const { uid } = await stat(path);
  // That others can read it is fixed by anyone who opens it.
  const owner = isOurs(uid)
    ? fine('state', `${path} is private`)
    : trouble('bad', 'state', {
        says: `${path} belongs to user ${uid}`,
        fix: fixBy`sudo chown -R ${process.getuid?.() ?? ''} ${path}`,
      });
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const level = free < FREE_BYTES.bad ? 'bad' : free < FREE_BYTES.warn ? 'warn' : null;
  const says = `${Math.floor(free / 1_048_576)} MiB are free`;
  return [
    owner,
    level === null
      ? fine('disk', says)
      : trouble(level, 'disk', { says: `only ${says}`, fix: fixBy`df -h ${path}` }),
  ];
}

async function examineDispatcher({ session, here, hereSilent }: Surroundings): Promise<Finding> {
  if (here !== null)
    return fine('dispatcher', `${here.alias} runs here and answers (${here.state})`);
  const name = 'dispatcher';
  try {
    const lock = await readLock(session.directory.path);
    if (lock.kind === 'held' || hereSilent) {
      const isElsewhere =
        lock.kind === 'held' && isOfAnotherContainer(lock.holder, await ownIdentity());
      // Its pid is another process here.
      const pid = lock.kind === 'held' && !isElsewhere ? lock.holder.pid : null;
      if (isElsewhere)
        return trouble('bad', name, {
          says: `process ${lock.holder.pid} of another container holds the state directory and does not answer`,
          fix: fixByHand(
            `end that container; when it is gone, remove lock.* in ${session.directory.path}`,
          ),
        });
      return trouble('bad', name, {
        says: `${pid === null ? 'a process' : `process ${pid}`} holds the state directory and does not answer`,
        fix: pid === null ? 'crosstalkd status' : fixBy`kill ${pid}`,
      });
    }
    return fine(
      name,
      lock.kind === 'gone'
        ? 'none runs here; the last one was killed, and the next one recovers its work'
        : 'none runs here',
    );
  } catch (error) {
    const fix = error instanceof CrosstalkError ? error.fix : null;
    return trouble('bad', name, {
      says: errorText(error),
      fix: fix ?? fixBy`ls -l ${session.directory.path}`,
    });
  }
}

async function examineCache({ session, here, hereSilent }: Surroundings): Promise<Finding> {
  const { cache } = session.directory;
  const git = gitOf(session);
  const checked = await git.run({
    args: ['fsck', '--connectivity-only', '--no-dangling', '--no-progress'],
    limitMs: FSCK_MS,
  });
  if (checked.ended === 'timeout')
    return trouble('warn', 'cache', { says: 'is too large to check within a minute', fix: null });
  const isPartial = isPartialCache(cache);
  if (checked.code === 0 && !isPartial && session.config.partialCache)
    return trouble('warn', 'cache', {
      says: 'is complete although partial-cache is set: it was made before, or the remote does not allow filters',
      fix: null,
    });
  if (checked.code === 0)
    return fine('cache', isPartial ? 'partial, but complete by now' : 'whole');
  if (isPartial && lacksOnlyBlobs(checked))
    return fine('cache', 'partial: older contents are fetched when they are read');
  return trouble('bad', 'cache', {
    says: `is damaged: ${checked.stderr.trim().split('\n')[0] ?? 'git fsck failed'}; it is only a copy`,
    ...onceFree({ here, hereSilent }, async () => {
      await session.repository.close();
      await rm(cache, { recursive: true, force: true });
      await rm(session.directory.checkpointFile, { force: true });
      return 'removed the cache; it will be fetched again';
    }),
  });
}

/** How the cache is repaired: by `doctor`, once no dispatcher works in it. */
function onceFree(
  { here, hereSilent }: Pick<Surroundings, 'here' | 'hereSilent'>,
  repair: () => Promise<string>,
) {
  const fix = fixBy`crosstalkd doctor --fix`;
  return here === null && !hereSilent
    ? { fix, repair }
    : { fix: andThen(fixBy`crosstalkd stop`, fix) };
}

/** A partial cache lacks blobs by intention; it must lack nothing else. */
function lacksOnlyBlobs({ stdout, stderr }: GitResult): boolean {
  return (
    stderr.split('\n').every((line) => line === '' || line.startsWith('notice: ')) &&
    stdout
      .toString('utf8')
      .split('\n')
      .every(
        (line) => line === '' || /^(missing blob |broken link from +tree | +to +blob )/.test(line),
      )
  );
}

/**
 * Locks that a git left in the cache when the machine went down: nothing waits for them but the
 * housekeeping, which then never comes.
 */
async function examineCacheLocks({
  session,
  here,
  hereSilent,
}: Surroundings): Promise<readonly Finding[]> {
  const { cache } = session.directory;
  // A dispatcher packs meanwhile, and folders vanish while they are read.
  const all = await readdir(cache, { recursive: true }).catch((): readonly string[] => []);
  const names = all.filter((name) => name.endsWith('.lock') || name === 'gc.pid');
  const old: string[] = [];
  for (const name of names) {
    const found = await stat(join(cache, name)).catch(() => null);
    if (found !== null && systemClock.wallMs() - found.mtimeMs > GIT_LOCK_MS)
      old.push(join(cache, name));
  }
  if (old.length === 0) return [];
  return [
    trouble('warn', 'git locks', {
      says: `left by a git that was killed: ${old.join(', ')}`,
      ...onceFree({ here, hereSilent }, async () => {
        for (const path of old) await rm(path, { force: true });
        return `removed ${old.join(', ')}`;
      }),
    }),
  ];
}

/**
 * A service whose program is gone does not start at the next boot, and nobody learns of it then.
 */
async function examineService(
  invocation: Invocation,
  { session }: Surroundings,
): Promise<readonly Finding[]> {
  const service = await readService(invocation, session);
  if (service === null) return [];
  const [first] = service.missing;
  if (first === undefined) return [fine('service', `${service.name} is installed`)];
  return [
    trouble('bad', 'service', {
      says: `${service.name} starts ${first}, which no longer exists`,
      fix: 'crosstalkd service install',
    }),
  ];
}

/** A machine that sleeps while agents run loses its claims; on a server nothing is missing. */
async function examineWakeLock(
  { env }: Invocation,
  { session }: Surroundings,
): Promise<readonly Finding[]> {
  if (!session.config.wakeLock) return [];
  const problem = await probeWakeLock(env);
  const says =
    problem === null
      ? 'this machine does not go to sleep on its own while agents run'
      : `this machine may go to sleep while agents run: ${problem}`;
  return [fine('wake lock', says)];
}

function examineModels(
  invocation: Invocation,
  { session, offers, offersProblem, outage }: Surroundings,
): readonly Finding[] {
  const { people, models, called } = session.mirror.index();
  const persons = new Set([...people, ...called.values()]);
  if (offersProblem !== null)
    return [trouble('bad', 'models', { says: offersProblem, fix: 'crosstalkd models' })];
  // What the transport offers is then unknown; that it does not answer was reported already.
  if (offers.length === 0 && outage !== null) return [];
  if (offers.length === 0)
    return [
      trouble('warn', 'models', {
        says: 'no model is defined',
        fix: fixByHand('add one to data/models.yaml'),
      }),
    ];
  const isNoPerson = (one: string): boolean => models.includes(one) || !persons.has(one);
  return [...offers]
    .sort((a, b) => byCodeUnit(a.name, b.name))
    .map((offer) => examineModel(offer, { env: invocation.env, isNoPerson }));
}

function examineModel(
  offer: ModelOffer,
  { env, isNoPerson }: Pick<Invocation, 'env'> & { readonly isNoPerson: (one: string) => boolean },
): Finding {
  const { entry, state } = offer;
  const name = `model ${offer.name}`;
  switch (state.kind) {
    case 'served': {
      const program = entry === null ? null : findProgram(entry, env);
      if (program?.path === null)
        return trouble('bad', name, {
          says: `its program "${program.name}" is not on this host's PATH`,
          fix: 'crosstalkd models',
        });
      const stranger = entry?.permissions?.ask.find(isNoPerson);
      return stranger === undefined
        ? fine(name, `served${program === null ? '' : ` by ${program.path}`}`)
        : trouble('warn', name, {
            says: `asks "${stranger}" for permissions, but no such person is known here; requests without an answer are denied`,
            fix: fixByHand('name people in its "permissions: { ask: [NAME] }"'),
          });
    }
    case 'invalid':
      return trouble('bad', name, {
        says: sayReason(state),
        fix: 'crosstalkd lint data/models.yaml',
      });
    case 'unapproved':
    case 'changed-since-approval':
      return trouble('warn', name, {
        says: 'waits for your approval on this host',
        fix: fixBy`crosstalkd allow ${offer.name}`,
      });
    case 'older':
      return trouble('warn', name, { says: sayReason(state), fix: fixOf(state) });
    default:
      return fine(name, sayReason(state));
  }
}
