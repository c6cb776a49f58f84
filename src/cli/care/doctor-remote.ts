/**
 * What `doctor` asks of the remote: does it answer, take pushes, keep the promises that the version
 * file makes for it, and protect the history?
 */
import { existsSync } from 'node:fs';
import { basename } from 'node:path';
import { DAY, systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { systemRandom } from '../../base/random.ts';
import { refRoot, VERSION_FILE } from '../../protocol/paths.ts';
import { fixOf } from '../../protocol/remedy.ts';
import type { RefUpdate, Repository } from '../../transport/repository.ts';
import type { Invocation } from '../command.ts';
import { type Finding, fine, trouble } from './finding.ts';
import { describeOlder } from '../look/older-transport.ts';
import type { Surroundings } from '../look/look-around.ts';
import { identifySender } from '../talk/person.ts';
import { sayReason } from '../../protocol/say-reason.ts';
import { reasonOf } from '../look/status-needs.ts';
import { encodeIndex } from '../../protocol/index-checkpoint.ts';
import { tellDispatcher } from './accept-rewrite.ts';
import { probeRemote } from './probe-remote.ts';
import { examineLoad } from './doctor-load.ts';
import { lacksPace, setHostedPace } from './set-pace.ts';
import { formatVersionFile, type RemoteTraits } from '../../protocol/remote-traits.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { notOnePlace } from '../session/remote-errors.ts';
import { commitBy, publishFor } from '../session/publish-for.ts';
import { readSettings } from '../session/git-settings.ts';
import { openPersonGit } from '../session/person-git.ts';
import { examineWay } from './examine-way.ts';
import { andThen, fixBy, fixByHand, withNote } from '../../base/fix.ts';

const DEAD_MS = 7 * DAY;
const AHEAD_MS = 5 * 60_000;

/** Findings about the remote, by asking it; leaves nothing there. */
export async function examineRemote(
  invocation: Invocation,
  around: Surroundings,
): Promise<readonly Finding[]> {
  const { session, outage, rewrite } = around;
  if (outage !== null) {
    const { url, clone } = session.located;
    const way = await examineWay(url, around.failure, {
      env: invocation.env,
      cwd: clone ?? invocation.cwd,
    });
    return [
      trouble('bad', 'remote', {
        says: `${url} does not answer: ${way?.says ?? outage}`,
        fix: way?.fix ?? fixBy`git ls-remote ${url}`,
      }),
    ];
  }
  const reached = fine('remote', `${session.located.url} answers (branch ${session.branch})`);
  if (rewrite !== null)
    return [
      reached,
      trouble('bad', 'history', {
        says: sayReason(reasonOf(rewrite)),
        fix: fixOf(reasonOf(rewrite)),
      }),
    ];
  return [
    reached,
    ...(await examineOlder(session)),
    ...(await examineTraits(invocation, session)),
    ...(await examineLoad(around)),
    ...(await examinePace(invocation, session)),
    ...(await examineProtection(session)),
    ...examineRefs(around),
    ...(await examineClock(around)),
  ];
}

async function examineOlder(session: TransportSession): Promise<readonly Finding[]> {
  const older = await describeOlder(session);
  return older === null ? [] : [fine('history', older)];
}

async function examinePace(
  invocation: Invocation,
  session: TransportSession,
): Promise<readonly Finding[]> {
  if (!(await lacksPace(session, session.located.url))) return [];
  return [
    trouble('warn', 'pace', {
      says: 'the remote is on a forge, and its hosts have no push limit',
      fix: 'crosstalkd doctor --fix',
      repair: () => setHostedPace(invocation, session),
    }),
  ];
}

async function examineTraits(
  invocation: Invocation,
  session: TransportSession,
): Promise<readonly Finding[]> {
  const probed = await probeRemote(session.repository, systemRandom.hex(6));
  if ('refusal' in probed)
    return [
      trouble('bad', 'push', {
        says: `the remote ${probed.refusal}${notOnePlace(session.located)}`,
        fix: fixByHand(
          probed.isLost
            ? 'try again; if it fails again, check the hooks and the disk of the server'
            : 'resolve what the remote reports, or ask for write access to it',
        ),
      }),
    ];
  const { traits: written } = session;
  const limits = [
    ...(probed.customRefs ? [] : ['no custom refs: claims are kept under refs/heads/crosstalk/']),
    ...(probed.atomic
      ? []
      : ['no atomic pushes: still one reply, but the server does not fence it']),
  ];
  const taken = fine(
    'push',
    `accepts pushes${limits.length === 0 ? ', custom refs and atomic pushes' : ''}`,
  );
  const limited = limits.map((says) => trouble('warn', 'push', { says, fix: null }));
  const wrong = [
    ...(written.customRefs === probed.customRefs ? [] : ['custom-refs']),
    ...(written.atomic === probed.atomic ? [] : ['atomic-push']),
  ];
  const promised = (written.customRefs && !probed.customRefs) || (written.atomic && !probed.atomic);
  const recorded =
    wrong.length === 0
      ? fine('version file', `${VERSION_FILE} says what the remote can do`)
      : trouble(promised ? 'bad' : 'warn', 'version file', {
          says: `${VERSION_FILE} says otherwise about ${wrong.join(' and ')} than the remote does${promised ? '; claims or replies fail' : ''}`,
          fix: withNote(
            fixBy`crosstalkd doctor --fix`,
            'then, on every other host: crosstalkd accept-rewrite',
          ),
          repair: () => writeTraits(invocation, session, probed),
        });
  return [taken, ...limited, recorded, await examineDeletes(session, probed)];
}

async function writeTraits(
  invocation: Invocation,
  session: TransportSession,
  traits: RemoteTraits,
): Promise<string> {
  const { identity } = await identifySender(invocation, session);
  const written = commitBy({ identity, name: `write ${VERSION_FILE}` }, () => ({
    writes: [{ path: VERSION_FILE, content: formatVersionFile(traits) }],
    message: `Record what the remote can do\n\ncrosstalkd doctor --fix\n`,
  }));
  await publishFor(session, [written]);
  // Anyone who changes it has accepted it on this host.
  await session.checkpoint.keep(encodeIndex(session.mirror.index()));
  await tellDispatcher(session.directory.path);
  return `${VERSION_FILE} says what the remote can do; on every other host: crosstalkd accept-rewrite`;
}

/**
 * A claim must go with its reply. Servers forbid the deletion of branches more often than that of
 * other refs.
 */
async function examineDeletes(
  session: TransportSession,
  { customRefs }: RemoteTraits,
): Promise<Finding> {
  const ref = `${refRoot(customRefs)}/probe/${systemRandom.hex(6)}-delete`;
  const refusal = await tryDelete(session.repository, ref);
  if (refusal === null) return fine('delete', 'claims can be deleted');
  const path = localPath(session);
  return trouble('bad', 'delete', {
    says: `claims cannot be deleted, so no reply would land: ${refusal} (left behind: ${ref})`,
    fix:
      path === null
        ? fixByHand('allow the deletion of refs below crosstalk/ in the settings of the git host')
        : fixBy`git -C ${path} config receive.denyDeletes false`,
    ...(path === null
      ? {}
      : {
          repair: async () => {
            await openPersonGit(path, session.env).raw(['config', 'receive.denyDeletes', 'false']);
            await removeRefs(session, [ref]);
            return 'receive.denyDeletes is off on the remote: claims are kept among its branches';
          },
        }),
  });
}

async function tryDelete(repository: Repository, ref: string): Promise<string | null> {
  const record = await repository.writeRecord(JSON.stringify({ v: 1, probe: ref }));
  const push = async (update: RefUpdate): Promise<string | null> => {
    const pushed = await repository.push([update], { atomic: false });
    const result = pushed.kind === 'unknown' ? null : pushed.refs.get(ref);
    if (result?.kind === 'landed') return null;
    return result?.kind === 'refused'
      ? result.line
      : pushed.kind === 'unknown'
        ? pushed.failure.line
        : 'the ref did not move';
  };
  return (
    (await push({ ref, expected: null, next: record })) ??
    (await push({ ref, expected: record, next: null }))
  );
}

async function removeRefs(session: TransportSession, refs: readonly string[]): Promise<void> {
  const listed = await session.repository.listRefs(refs);
  if (listed.kind === 'unreachable') return;
  const updates = refs.flatMap((ref) => {
    const expected = listed.value.refs.get(ref);
    return expected === undefined ? [] : [{ ref, expected, next: null }];
  });
  if (updates.length > 0) await session.repository.push(updates, { atomic: false });
}

/** The remote as a folder of this machine, or null. */
function localPath({ located }: TransportSession): string | null {
  const path = located.url.replace(/^file:\/\//, '');
  return path.startsWith('/') && existsSync(path) ? path : null;
}

async function examineProtection(session: TransportSession): Promise<readonly Finding[]> {
  const path = localPath(session);
  if (path === null)
    return [
      fine(
        'protection',
        `cannot be seen from here: make the git host refuse forced pushes to ${session.branch} and its deletion`,
      ),
    ];
  if (basename(path) === '.git')
    return [
      fine('protection', 'the repository is its own remote: anyone who works in it can rewrite it'),
    ];
  const git = openPersonGit(path, session.env);
  // Claims among the branches must be deletable.
  const wanted = [
    'receive.denyNonFastForwards',
    ...(session.traits.customRefs ? ['receive.denyDeletes'] : []),
    'receive.fsckObjects',
    'transfer.fsckObjects',
  ];
  const settings = await readSettings(git, session.env);
  const missing = wanted.filter((key) => !settings.isOn(key.toLowerCase()));
  if (missing.length === 0)
    return [fine('protection', 'the remote refuses rewritten history and broken objects')];
  return [
    trouble('warn', 'protection', {
      says: `the remote does not set ${missing.join(', ')}: history could be rewritten or broken`,
      fix: missing.map((key) => fixBy`git -C ${path} config ${key} true`).reduce(andThen),
      repair: async () => {
        for (const key of missing) await git.raw(['config', key, 'true']);
        return `set ${missing.join(', ')} on the remote`;
      },
    }),
  ];
}

/** Records on the remote that nobody will clean up on its own. */
function examineRefs({ claims, hosts, refs, session }: Surroundings): readonly Finding[] {
  const garbage = [...claims.values()].filter(({ claim }) => claim === null).map(({ ref }) => ref);
  const seen = new Set(hosts.map(({ ref }) => ref));
  const broken = [...refs.keys()].filter(
    (ref) => ref.startsWith(session.refs.hosts) && !seen.has(ref),
  );
  const dead = hosts.filter(
    ({ beat, ageMs, claims: held }) =>
      held.length === 0 && (beat === null || (ageMs ?? 0) > DEAD_MS),
  );
  const remove = (list: readonly string[]) => async (): Promise<string> => {
    await removeRefs(session, list);
    return `removed ${list.join(', ')}`;
  };
  const found = [
    ...(garbage.length === 0
      ? []
      : [
          trouble('warn', 'claims', {
            says: `${garbage.length} cannot be read: ${garbage.join(', ')}`,
            fix: 'crosstalkd doctor --fix',
            repair: remove(garbage),
          }),
        ]),
    ...(dead.length + broken.length === 0
      ? []
      : [
          trouble('warn', 'hosts', {
            says: `not seen for more than ${formatDuration(DEAD_MS)}, or unreadable: ${[...dead.map(({ alias }) => alias), ...broken].join(', ')}`,
            fix: 'crosstalkd doctor --fix',
            repair: remove([...dead.map(({ ref }) => ref), ...broken]),
          }),
        ]),
  ];
  return found.length > 0
    ? found
    : [fine('records', `${claims.size} claims and ${hosts.length} hosts, all readable`)];
}

/** Clocks only order what people read, but a wrong one makes messages stale or young. */
async function examineClock({ session, hosts }: Surroundings): Promise<readonly Finding[]> {
  const { tip } = session.mirror.index();
  const nowMs = systemClock.wallMs();
  const commit = tip === null ? null : await session.repository.readCommit(tip);
  const ahead = (commit?.authoredMs ?? 0) - nowMs;
  const others = hosts
    .filter(({ beat }) => beat !== null && beat.atMs - nowMs > AHEAD_MS)
    .map(({ alias }) => alias);
  if (ahead <= AHEAD_MS && others.length === 0)
    return [fine('clock', 'no clock is ahead of this one')];
  const who = others.length > 0 ? `the clock of ${others.join(', ')} is` : 'the newest commit is';
  return [
    trouble('warn', 'clock', {
      says: `${who} ahead of this machine's by ${formatDuration(Math.max(ahead, AHEAD_MS))} or more`,
      fix: 'timedatectl status',
    }),
  ];
}
