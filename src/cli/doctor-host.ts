/** What `doctor` asks of this machine: configuration, state directory, lock, leftovers, cache, and the programs behind its models. */
import { chmod, readdir, rm, stat, statfs } from 'node:fs/promises';
import { MINUTE, systemClock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { byCodeUnit } from '../base/order.ts';
import { listLate } from '../local/late.ts';
import { isOurs, quotePath } from '../local/durable-file.ts';
import { readLock } from '../local/lock.ts';
import { createGit } from '../transport/git-runner.ts';
import type { Invocation } from './command.ts';
import { examinePrograms } from './doctor-programs.ts';
import { type Finding, fine, trouble } from './finding.ts';
import { findProgram } from './find-program.ts';
import type { Surroundings } from './look-around.ts';
import { describeOffer } from './serving.ts';
import { counted } from './status-needs.ts';

const FREE_BYTES = { warn: 200 * 1_048_576, bad: 20 * 1_048_576 } as const;
const FSCK_MS = MINUTE;

/** Findings about this machine. */
export async function examineHost(invocation: Invocation, around: Surroundings): Promise<readonly Finding[]> {
  return [
    ...(await examineState(around)),
    await examineDispatcher(around),
    ...(await examineLeftovers(around)),
    await examineCache(invocation, around),
    ...examineModels(invocation, around),
    ...(await examinePrograms(invocation, around)),
  ];
}

async function examineState({ session }: Surroundings): Promise<readonly Finding[]> {
  const { path } = session.directory;
  const { mode, uid } = await stat(path);
  const open = (mode & 0o077) !== 0;
  const permissions = !isOurs(uid)
    ? trouble('bad', 'state', { says: `${path} belongs to user ${uid}`, fix: `sudo chown -R "$(id -u)" ${quotePath(path)}` })
    : open
      ? trouble('warn', 'state', {
          says: `${path} can be read by others`,
          fix: `chmod 700 ${quotePath(path)}`,
          repair: async () => {
            await chmod(path, 0o700);
            return `${path} is private now`;
          },
        })
      : fine('state', `${path} is private`);
  const { bavail, bsize } = await statfs(path);
  const free = bavail * bsize;
  const level = free < FREE_BYTES.bad ? 'bad' : free < FREE_BYTES.warn ? 'warn' : null;
  const says = `${Math.floor(free / 1_048_576)} MiB are free`;
  return [
    permissions,
    level === null ? fine('disk', says) : trouble(level, 'disk', { says: `only ${says}`, fix: `df -h ${quotePath(path)}` }),
  ];
}

async function examineDispatcher({ session, here, hereSilent }: Surroundings): Promise<Finding> {
  if (here !== null) return fine('dispatcher', `${here.alias} runs here and answers (${here.state})`);
  const name = 'dispatcher';
  try {
    const lock = await readLock(session.directory.path);
    if (lock.kind === 'held' || hereSilent) {
      const pid = lock.kind === 'held' ? lock.holder.pid : null;
      return trouble('bad', name, {
        says: `${pid === null ? 'a process' : `process ${pid}`} holds the state directory and does not answer`,
        fix: pid === null ? 'crosstalkd status' : `kill ${pid}`,
      });
    }
    return fine(name, lock.kind === 'gone' ? 'none runs here; the last one was killed, the next settles what it left' : 'none runs here');
  } catch (error) {
    return trouble('bad', name, { says: errorText(error), fix: `ls -l ${quotePath(session.directory.path)}` });
  }
}

async function examineLeftovers({ session, here }: Surroundings): Promise<readonly Finding[]> {
  const outbox = (await readdir(session.directory.outbox)).filter((name) => name.endsWith('.json')).length;
  const late = await listLate(session.directory.late);
  return [
    outbox > 0 && here === null
      ? trouble('warn', 'outbox', { says: `${counted(outbox, 'finished answer')} not delivered`, fix: 'crosstalkd run --once' })
      : fine('outbox', outbox === 0 ? 'empty' : `${counted(outbox, 'answer')} on the way`),
    ...(late.length === 0
      ? []
      : [
          trouble('warn', 'late output', {
            says: `${counted(late.length, 'output')} came too late to be a reply and ${late.length === 1 ? 'is' : 'are'} kept for you`,
            fix: `ls ${quotePath(session.directory.late)}   (remove what you have read)`,
          }),
        ]),
  ];
}

async function examineCache(invocation: Invocation, { session, here, hereSilent }: Surroundings): Promise<Finding> {
  const { cache } = session.directory;
  const git = createGit({ env: invocation.env, gitDir: cache, clock: systemClock });
  const checked = await git.run({ args: ['fsck', '--connectivity-only', '--no-dangling', '--no-progress'], limitMs: FSCK_MS });
  if (checked.ended === 'timeout') return trouble('warn', 'cache', { says: 'is too large to check within a minute', fix: null });
  if (checked.code === 0) return fine('cache', 'whole');
  const isFree = here === null && !hereSilent;
  return trouble('bad', 'cache', {
    says: `is damaged: ${checked.stderr.trim().split('\n')[0] ?? 'git fsck failed'}; it is only a copy`,
    fix: isFree ? 'crosstalkd doctor --fix' : 'crosstalkd stop, then crosstalkd doctor --fix',
    ...(isFree
      ? {
          repair: async () => {
            await session.repository.close();
            await rm(cache, { recursive: true, force: true });
            await rm(session.directory.checkpointFile, { force: true });
            return 'threw the cache away; it is fetched anew';
          },
        }
      : {}),
  });
}

function examineModels(invocation: Invocation, { offers, offersProblem }: Surroundings): readonly Finding[] {
  if (offersProblem !== null) return [trouble('bad', 'models', { says: offersProblem, fix: 'crosstalkd models' })];
  if (offers.length === 0) return [trouble('warn', 'models', { says: 'there is no model at all', fix: 'add one to data/models.yaml' })];
  return [...offers]
    .sort((a, b) => byCodeUnit(a.name, b.name))
    .map((offer) => {
      const name = `model ${offer.name}`;
      const program = offer.entry === null ? null : findProgram(offer.entry, invocation.env);
      switch (offer.state.kind) {
        case 'served':
          return program?.path === null
            ? trouble('bad', name, { says: `its program "${program.name}" is not on this host's PATH`, fix: 'crosstalkd models' })
            : fine(name, `served${program === null ? '' : ` by ${program.path}`}`);
        case 'invalid':
          return trouble('bad', name, { says: describeOffer(offer), fix: 'crosstalkd lint data/models.yaml' });
        case 'unapproved':
        case 'changed-since-approval':
          return trouble('warn', name, { says: 'waits for your approval on this host', fix: `crosstalkd allow ${offer.name}` });
        case 'excluded':
          return fine(name, describeOffer(offer));
      }
    });
}
