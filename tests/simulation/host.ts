/**
 * One machine with its disk, clock and network, and the real dispatcher as a process on it:
 * started, killed between any two awaits, stopped in good order, frozen, started again. What the
 * process may keep is what a real one keeps: the disk.
 */
import type { KeyObject } from 'node:crypto';
import { signSsh } from '../../src/protocol/ssh-signature.ts';
import type { Sign } from '../../src/transport/repository.ts';
import { CrosstalkError, errorText } from '../../src/base/errors.ts';
import type { Oid } from '../../src/base/ids.ts';
import { createLog } from '../../src/base/log.ts';
import type { Dispatcher, Doors, Settings } from '../../src/dispatcher/dispatcher.ts';
import { createDispatcher } from '../../src/dispatcher/create-dispatcher.ts';
import { createClosersJudge } from '../../src/dispatcher/find-forged.ts';
import type { Serving } from '../../src/dispatcher/notes.ts';
import { runDispatcher } from '../../src/dispatcher/loop.ts';
import { decodeModels } from '../../src/protocol/decode-models.ts';
import { decodeIndex } from '../../src/protocol/index-checkpoint.ts';
import { createMirror, type Mirror } from '../../src/transport/mirror.ts';
import { createReadLine, spaceReads } from '../../src/transport/space-reads.ts';
import { type Act, createFakeAgents } from '../support/fake-agents.ts';
import { createManualClock, type Hands } from '../support/manual-clock.ts';
import {
  createMemoryDisk,
  type MemoryDisk,
  openMemoryLocalState,
} from '../support/memory-local-state.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Owner } from '../support/simulation-scheduler.ts';
import { createStage } from './stage.ts';
import { createSteps } from './steps.ts';
import { BRANCH, REFS, type World } from './world.ts';

/** Wraps doors of every process: the guards test puts a broken one in place of a good one. */
export type Tamper = (doors: Doors) => Doors;

export interface Host {
  readonly name: string;
  readonly alias: string;
  readonly random: SeededRandom;
  readonly serves: ReadonlySet<string>;
  readonly concurrency: number;
  /** In place of the settings of the simulation. */
  readonly settings?: Partial<Settings>;
  /** Its dispatcher ends when nothing is left that it could do. */
  readonly once?: boolean;
  /** What it signs with; absent: it signs nothing. */
  readonly key?: KeyObject | undefined;
  readonly trust?: Doors['trust'];
  /** Stands before its mirror; absent = nothing does. */
  readonly view?: (mirror: Mirror) => Mirror;
  hands: Hands;
  disk: MemoryDisk;
  cache: Set<Oid>;
  /** The machine since it was last switched on; programs live on it. */
  machine: Owner;
  process: Process | null;
  boots: number;
  /** Global times until which something is wrong with it. */
  readonly wrong: { network: number; slow: number; disk: number };
  /** Programs that run on it, by attempt, and how to end them. */
  readonly programs: Map<string, () => void>;
  /** What its programs do; absent = drawn by chance. */
  readonly act?: () => Act;
}

export interface Process {
  readonly owner: Owner;
  readonly dispatcher: Dispatcher;
  readonly stop: AbortController;
  readonly kill: AbortController;
  readonly directories: Set<string>;
  /** How it ended; null while it lives. */
  ended: string | null;
}

/** A machine that is switched on and runs nothing yet. */
export function createHost(
  world: World,
  parts: Pick<
    Host,
    | 'name'
    | 'alias'
    | 'random'
    | 'serves'
    | 'concurrency'
    | 'settings'
    | 'view'
    | 'once'
    | 'key'
    | 'trust'
    | 'act'
  >,
): Host {
  const drift = world.plan.faults.has('drift') ? (parts.random.next() - 0.5) * 0.04 : 0;
  if (drift !== 0) world.count('fault drift');
  return {
    ...parts,
    hands: { wallOffsetMs: parts.random.int(-2_000, 2_000), rate: 1 + drift, suspendedMs: 0 },
    disk: createMemoryDisk(),
    cache: new Set(),
    machine: { name: parts.name, alive: true, suspendedUntilMs: 0 },
    process: null,
    boots: 0,
    wrong: { network: 0, slow: 0, disk: 0 },
    programs: new Map(),
  };
}

/** Starts the dispatcher as a new process on what the disk holds. */
export async function startProcess(
  world: World,
  host: Host,
  tamper: Tamper = (doors) => doors,
): Promise<void> {
  const owner: Owner = { name: host.name, alive: true, suspendedUntilMs: 0 };
  const clock = createManualClock(world.scheduler, owner, host.hands);
  const steps = createSteps(world, host, owner);
  const directories = new Set<string>();
  const local = openMemoryLocalState(host.disk, { instance: instanceOf(host), step: steps.disk });
  const spacing = createReadLine(clock, host.random);
  const doors: Doors = tamper({
    clock,
    random: host.random,
    log: createLog(({ level, event, fields }) => {
      if (!owner.alive) return;
      world.scheduler.trace(
        `${host.name} ${level === 'status' ? '' : `${level} `}${event} ${JSON.stringify(fields)}`,
      );
      noteEvent(world, host, { event, fields });
    }),
    repository: steps.repository(
      world.remote.open({ step: steps.git, host: host.name, cache: host.cache }),
    ),
    spacing,
    local,
    agents: createFakeAgents(createStage(world, host, owner)),
    workspace: {
      open: (attemptId) => {
        directories.add(attemptId);
        return Promise.resolve(attemptId);
      },
      remove: (directory) => Promise.resolve(void directories.delete(directory)),
    },
    worktrees: {
      open: () => Promise.resolve({ kind: 'failed', why: 'no project has a place here' }),
      save: () => Promise.resolve({ kind: 'failed', why: 'no project has a place here' }),
      look: () => Promise.resolve(null),
      close: () => Promise.resolve(),
    },
    serving: servingOf(host),
    reap: async (started) => {
      for (const { attemptId } of started) {
        if (host.programs.has(attemptId)) world.count('recover reaped');
        host.programs.get(attemptId)?.();
      }
      await steps.disk('reap', 'after');
    },
    onOutput: () => undefined,
    poke: () => undefined,
    ...(host.trust === undefined ? {} : { trust: host.trust }),
  });
  const repository = spaceReads(doors.repository, spacing);
  const checkpoint = decodeIndex(
    host.disk.checkpoint === null ? null : JSON.parse(host.disk.checkpoint),
  );
  const { view = (mirror: Mirror) => mirror } = host;
  const { trust } = host;
  const closers = trust === undefined ? undefined : createClosersJudge(repository, trust);
  const mirror = view(createMirror(repository, checkpoint, closers));
  const { key } = host;
  const sign: Sign | undefined =
    key === undefined ? undefined : (payload) => Promise.resolve(signSsh(payload, key));
  const publisher = {
    sign,
    repository,
    mirror,
    clock,
    random: doors.random,
    branchRef: BRANCH,
    atomic: world.plan.atomic,
  };
  const dispatcher = createDispatcher({
    settings: settingsOf(world, host),
    doors: { ...doors, repository },
    mirror,
    publisher,
  });
  const process: Process = {
    owner,
    dispatcher,
    stop: new AbortController(),
    kill: new AbortController(),
    directories,
    ended: null,
  };
  host.process = process;
  world.scheduler.trace(`${host.name} process ${dispatcher.run} instance ${local.instance}`);
  try {
    const end = await runDispatcher(dispatcher, {
      once: host.once ?? false,
      stop: process.stop.signal,
      kill: process.kill.signal,
    });
    process.ended = end;
    checkNothingLeft(world, host, process);
  } catch (error) {
    if (!(error instanceof CrosstalkError)) throw error;
    world.scheduler.trace(`${host.name} died: ${errorText(error)}`);
    world.count('process died of its disk');
    process.ended = 'died';
  }
  if (host.process === process) host.process = null;
  owner.alive = false;
}

/**
 * Kills the process where it stands. With `machine`, the programs it started end too and the next
 * boot is another instance.
 */
export function killProcess(world: World, host: Host, how: 'process' | 'machine'): void {
  const { process } = host;
  if (process !== null) {
    process.owner.alive = false;
    process.ended = 'killed';
    host.process = null;
  }
  for (const run of world.runs)
    if (run.host === host.name && run.endedMs === null) run.orphaned = true;
  world.scheduler.trace(`${host.name} killed (${how})`);
  if (how === 'process') return;
  for (const end of host.programs.values()) end();
  host.machine.alive = false;
  host.machine = { name: host.name, alive: true, suspendedUntilMs: 0 };
  host.boots += 1;
}

/**
 * Leases of seconds, so that they lapse many times in a seed; the proportions are those of the
 * defaults.
 */
function settingsOf(world: World, host: Host): Settings {
  return {
    alias: host.alias,
    version: '8.0.0',
    refs: REFS,
    concurrency: host.concurrency,
    leaseMs: 30_000,
    beatMs: 7_500,
    marginMs: 6_000,
    slowLease: null,
    pollMsMin: 500,
    pollMsMax: 5_000 + 5_000 * (world.plan.seed % 3),
    maxAgeMs: 7 * 86_400_000,
    hopsMax: 4,
    threadMessagesMax: 5,
    threadBytesMax: 4_000,
    graceMs: 10_000,
    stealAfterMs: 1_500,
    forgetBeatMs: 100_000,
    wakeAddress: null,
    pokes: false,
    failuresMax: 6,
    failureWindowMs: 60_000,
    projects: {},
    obeysControl: true,
    ...host.settings,
  };
}

function servingOf(host: Host): (modelsText: string | null) => Promise<Serving> {
  let known: string | null = null;
  let serving: Serving = { models: new Map(), refused: new Map() };
  return (modelsText) => {
    if (modelsText === known) return Promise.resolve(serving);
    known = modelsText;
    serving = {
      models: new Map(
        [...decodeModels(modelsText ?? '').models].filter(([name]) => host.serves.has(name)),
      ),
      refused: new Map(),
    };
    return Promise.resolve(serving);
  };
}

function instanceOf(host: Host): string {
  let hash = 0x811c9dc5;
  for (const char of `${host.name}/${host.boots}`)
    hash = Math.imul(hash ^ char.charCodeAt(0), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0').padEnd(12, '0');
}

/** I11: a dispatcher that has ended in good order leaves no timer, program or directory behind. */
function checkNothingLeft(world: World, host: Host, process: Process): void {
  const timers = world.scheduler.pending(process.owner);
  const programs = [...process.directories].filter((attemptId) => host.programs.has(attemptId));
  if (timers > 0)
    world.problems.push(`I11 ${host.name} has ended and ${timers} timers of it are left`);
  if (programs.length > 0)
    world.problems.push(`I11 ${host.name} has ended and its programs run: ${programs.join(', ')}`);
  else if (process.directories.size > 0)
    world.problems.push(
      `I11 ${host.name} has ended and left ${[...process.directories].join(', ')}`,
    );
}

function noteEvent(
  world: World,
  host: Host,
  { event, fields }: { event: string; fields: Readonly<Record<string, unknown>> },
): void {
  const reason = typeof fields['reason'] === 'string' ? fields['reason'] : '';
  const detail: Readonly<Record<string, string>> = {
    'claim.taken-over': fields['from'] === host.alias ? 'own' : "another's",
    'host.lost': reason.startsWith('gave up') ? 'gave-up' : 'outcome-unknown',
    'reply.late': reason,
    'reply.published': fields['failed'] === true ? 'failed' : 'answered',
    'attempt.stopped': reason,
    'attempt.ended': String(fields['how']),
  };
  world.count(detail[event] === undefined ? event : `${event} ${detail[event]}`);
}
