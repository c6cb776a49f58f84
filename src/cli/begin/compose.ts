/**
 * The only place that wires the real parts of a dispatcher together: git, processes, files, clock
 * and randomness behind their doors.
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { ADAPTERS, SERVICES } from '../../agents/adapters.ts';
import type { Agents } from '../../agents/agent.ts';
import { killOrphan } from '../../agents/process-group.ts';
import { createAgents } from '../../agents/run-agents.ts';
import { MINUTE, systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { systemRandom } from '../../base/random.ts';
import { removeTree } from '../../base/remove-tree.ts';
import { type Dispatcher, type Doors, type Workspace } from '../../dispatcher/dispatcher.ts';
import { createDispatcher } from '../../dispatcher/create-dispatcher.ts';
import { FORGET_BEAT_MS } from '../../protocol/lease.ts';
import { refNames } from '../../protocol/paths.ts';
import { createWakeLock, NO_WAKE_LOCK } from '../../local/wake-lock.ts';
import { createWorktrees } from '../../local/git-worktree.ts';
import { createPoke } from '../../local/poke-hosts.ts';
import { createProjectGit } from '../../transport/git-runner.ts';
import { createSessionUsage } from '../../local/session-usage.ts';
import { openSessionLedger } from '../../local/session-ledger.ts';
import { createSessionFolders, type SessionFolders } from '../../local/session-folders.ts';
import { makeSecretCommand, readWakeSecret } from '../../local/wake-secret.ts';
import type { Invocation } from '../command.ts';
import { keepAwake } from './keep-awake.ts';
import { keepSessions } from './keep-sessions.ts';
import { keepTranscripts, type OutputPiece } from './keep-transcripts.ts';
import { letSend } from './let-send.ts';
import { openState } from '../session/open-state.ts';
import { openHostKey } from '../../local/trust-store.ts';
import { sshKeyOf } from '../../protocol/ssh-signature.ts';
import { hostSign } from '../session/sign-as-person.ts';
import { createServing } from '../look/serving.ts';
import { spaceUntilKnown, type TransportSession } from '../session/transport-session.ts';
import { VERSION } from '../version.ts';

/** One git command in a project, the push of a large branch included. */
const PROJECT_GIT_MS = 2 * MINUTE;

export interface Composed {
  readonly dispatcher: Dispatcher;
  readonly close: () => Promise<void>;
}

/**
 * A dispatcher for an open session, holding the lock of its state directory. Throws
 * HELD_BY_ANOTHER.
 */
export async function composeDispatcher(
  session: TransportSession,
  parts: {
    readonly invocation: Invocation;
    readonly log: Log;
    readonly onOutput: (piece: OutputPiece) => void;
    readonly onlyMessage?: string;
  },
): Promise<Composed> {
  const { invocation, log } = parts;
  const { config, directory } = session;
  const local = await openState(invocation, session, {
    brief: parts.onlyMessage !== undefined,
    onDamage: ({ path, why }) =>
      log.alert('state.damaged', { where: path, why, fix: 'crosstalkd doctor' }),
  });
  spaceUntilKnown(session.spacing, session.located.url);
  const key = sshKeyOf(await openHostKey(directory.path));
  const poke = await composePoke(session, invocation);
  const sessions = createSessionFolders(directory.sessions, systemClock);
  const dispatcher = createDispatcher({
    settings: {
      alias: config.alias,
      version: VERSION,
      // As the version file says at the commit that is read: it changes when a person accepts it.
      get refs() {
        return refNames((session.mirror.traits() ?? session.traits).customRefs);
      },
      concurrency: config.concurrency,
      leaseMs: config.leaseMs,
      beatMs: config.beatMs,
      marginMs: config.leaseMarginMs,
      slowLease: session.slowLease,
      pollMsMin: config.intervalMinMs,
      pollMsMax: config.intervalMaxMs,
      maxAgeMs: config.maxAgeMs,
      hopsMax: config.hopsMax,
      threadMessagesMax: config.threadMessagesMax,
      threadBytesMax: config.threadBytesMax,
      graceMs: config.shutdownGraceMs,
      failuresMax: config.failuresMax,
      failureWindowMs: config.failureWindowMs,
      obeysControl: config.obeyControl !== 'local',
      projects: session.projects,
      stealAfterMs: Math.min(1_500, config.intervalMinMs * 3),
      forgetBeatMs: FORGET_BEAT_MS,
      wakeAddress: config.wakeAddress,
      pokes: poke !== null,
      onlyMessage: parts.onlyMessage,
      key,
    },
    doors: {
      clock: systemClock,
      random: systemRandom,
      log,
      repository: session.repository,
      spacing: session.spacing,
      local: local.state,
      agents: composeAgents(session, { ...parts, sessions }),
      workspace: createWorkspace(directory.scratch),
      worktrees: createWorktrees(
        ({ keep, attemptId }) =>
          join(keep ? join(directory.path, 'worktrees') : directory.scratch, `work-${attemptId}`),
        createProjectGit({ env: invocation.env, clock: systemClock, limitMs: PROJECT_GIT_MS }),
      ),
      serving: createServing(
        { configDirectory: session.configDirectory, id: session.id, only: config.only },
        log,
      ),
      trust: session.trust,
      reap: async (started) => {
        for (const { attemptId, ...process } of started)
          await killOrphan({ ...process, marker: attemptId }, systemClock);
      },
      // keepTranscripts shows it to anyone who watches: it knows how far the output has come.
      onOutput: () => undefined,
      poke: poke ?? (() => undefined),
    },
    mirror: session.mirror,
    publisher: {
      ...session.publisher,
      sign: await hostSign(directory.path),
      get atomic() {
        return (session.mirror.traits() ?? session.traits).atomic;
      },
    },
  });
  await removeTree(directory.scratch).catch((error: unknown) =>
    log.warning('scratch.kept', {
      directory: directory.scratch,
      reason: errorText(error),
      next: 'continues; the next start retries it',
    }),
  );
  await sessions.tidy();
  return { dispatcher, close: () => local.close() };
}

function composeAgents(
  session: TransportSession,
  {
    invocation,
    log,
    onOutput,
    sessions,
  }: Parameters<typeof composeDispatcher>[1] & { readonly sessions: SessionFolders },
): Agents {
  const { env } = invocation;
  const agents = createAgents({
    clock: systemClock,
    operatorEnv: env,
    adapters: ADAPTERS,
    services: SERVICES,
    log,
    sessions,
    totals: createSessionUsage(session.directory.sessionUsageFile),
  });
  const ledger = openSessionLedger(join(session.directory.path, 'sessions.jsonl'));
  const awake = keepAwake(agents, session.config.wakeLock ? createWakeLock(env) : NO_WAKE_LOCK);
  const sending = keepSessions(letSend(awake, session, invocation), ledger, log);
  return keepTranscripts(sending, {
    directory: session.directory.transcripts,
    env,
    onOutput,
  });
}

/**
 * How this host calls others; null when its operator names nobody. Throws CONFIG_INVALID when there
 * is no secret to sign with.
 */
async function composePoke(
  { config, configDirectory }: TransportSession,
  { env }: Invocation,
): Promise<Doors['poke'] | null> {
  if (config.wakePeers.length === 0) return null;
  const secret = await readWakeSecret(env, configDirectory);
  if (secret !== null) return createPoke({ peers: config.wakePeers, secret, clock: systemClock });
  throw new CrosstalkError(
    'CONFIG_INVALID',
    'wake-peers: no secret is set; expected the one that those hosts share, to sign calls.',
    { fix: makeSecretCommand(configDirectory) },
  );
}

function createWorkspace(scratch: string): Workspace {
  return {
    open: (attemptId) => {
      const directory = join(scratch, attemptId);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      return Promise.resolve(directory);
    },
    remove: async (directory) => {
      try {
        rmdirSync(directory); // most agents leave it empty
      } catch {
        await removeTree(directory);
      }
    },
  };
}
