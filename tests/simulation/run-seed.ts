/**
 * One seed from beginning to end: people write, hosts work, things go wrong, then nothing does any
 * more, everything comes to rest and is judged.
 */
import type { Oid } from '../../src/base/ids.ts';
import type { OpenIndex } from '../../src/protocol/open-work.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { judgeAllWork } from '../../src/dispatcher/tick.ts';
import type { MemoryRemote } from '../support/memory-repository.ts';
import { sowFaults } from './faults.ts';
import { createHost, type Host, startProcess, type Tamper } from './host.ts';
import {
  checkClaimsGone,
  checkFences,
  checkHistory,
  checkNothingLost,
  checkOverlap,
  checkRuns,
  checkSingleReplies,
  checkSlots,
  historyOf,
  listUnanswered,
} from './invariants.ts';
import { act, foundTransport } from './people.ts';
import { drawsOf, type Plan } from './plan.ts';
import { checkWorkflows, listOpenRuns } from './run-invariants.ts';
import { playRuns } from './run-people.ts';
import { BRANCH, createWorld, REFS, type World } from './world.ts';
import { sayReason } from '../../src/protocol/say-reason.ts';
import { heldClaims } from '../../src/dispatcher/own-claims.ts';

/** How a seed went. */
export interface SeedResult {
  readonly plan: Plan;
  /** Empty when every invariant holds. */
  readonly problems: readonly string[];
  /** Of the whole trace: the same plan gives the same. */
  readonly digest: string;
  readonly trace: readonly string[];
  readonly coverage: ReadonlyMap<string, number>;
  readonly runs: number;
  readonly virtualMs: number;
}

export interface SeedOptions {
  readonly onTrace?: (line: string) => void;
  /** Puts doors that break a promise in place of the good ones. */
  readonly tamperRemote?: (remote: MemoryRemote) => Tamper;
}

/** Everything has to be at rest this long after the last fault. */
const REST_MS_MAX = 3 * 3_600_000;
const EVENTS_MAX = 400_000;

/** Runs a plan. Takes no real time and draws nothing but from its seed. */
export async function runSeed(plan: Plan, options: SeedOptions = {}): Promise<SeedResult> {
  const world = createWorld(plan, options.onTrace ?? (() => undefined));
  const tamper: Tamper = options.tamperRemote?.(world.remote) ?? ((doors) => doors);
  foundTransport(world);
  const hosts = createHosts(world);
  for (const host of hosts) void startProcess(world, host, tamper);
  void playPeople(world, hosts);
  void playRuns(world);
  void sowFaults(world, hosts, tamper);
  const tips = watchTips(world);
  const { scheduler } = world;
  await scheduler.run({ untilMs: plan.faultsUntilMs, eventsMax: EVENTS_MAX, stop: () => false });
  world.remote.setReachable(true);
  world.remote.setPolicy(() => null);
  scheduler.trace('nothing goes wrong any more');
  const judged = { tip: '' };
  const rested = await scheduler.run({
    untilMs: plan.faultsUntilMs + REST_MS_MAX,
    eventsMax: EVENTS_MAX,
    stop: () => isAtRest(world, hosts, judged),
  });
  if (rested) world.problems.push(...(await compareIndexes(world, hosts)));
  else world.problems.push(...describeUnrest(world, hosts));
  await stopAll(world, hosts);
  const history = historyOf(world.remote, world.remote.refs.get(BRANCH) ?? null);
  const runs = checkWorkflows(history);
  for (const name of runs.transitions) world.count(`workflow ${name}`);
  const problems = [
    ...world.problems,
    ...runs.problems,
    ...checkHistory(history),
    ...checkSingleReplies(history, world.runs),
    ...checkNothingLost(world.remote, tips()),
    ...(plan.atomic ? checkFences(world.remote) : []),
    ...checkRuns(world.runs),
    // Whose claim was moved about learns it late: two may then do what may be done twice.
    ...(plan.faults.has('meddler') ? [] : checkOverlap(world.runs, scheduler.nowMs())),
    ...checkSlots(world.runs, new Map(hosts.map(({ name, concurrency }) => [name, concurrency]))),
    ...(rested ? checkClaimsGone(world) : []),
  ];
  return {
    plan,
    problems,
    digest: world.digest(),
    trace: world.traceTail(),
    coverage: world.coverage,
    runs: world.runs.length,
    virtualMs: scheduler.nowMs(),
  };
}

const SHARED = ['opus', 'sonnet', 'mailer', 'backup'] as const;

function createHosts(world: World): Host[] {
  const random = drawsOf(world.plan, 'hosts');
  return Array.from({ length: world.plan.hosts }, (_, index) => {
    const name = `h${index}`;
    const twice = index > 0 && world.plan.faults.has('alias-twice') && random.chance(0.3);
    if (twice) world.count('fault alias-twice');
    const some = SHARED.filter(() => random.chance(0.8));
    return createHost(world, {
      name,
      alias: twice ? 'h0' : name,
      random: drawsOf(world.plan, name),
      serves: new Set<string>(index === 0 ? [...SHARED, 'solo'] : some),
      concurrency: random.int(1, 3),
    });
  });
}

async function playPeople(world: World, hosts: readonly Host[]): Promise<void> {
  const random = drawsOf(world.plan, 'people');
  const window = world.plan.faultsUntilMs * 0.8;
  const burst = random.chance(0.2);
  for (let number = 0; number < world.plan.actions; number += 1) {
    await world.scheduler.wait(
      null,
      burst ? random.int(0, 300) : (random.next() * 2 * window) / world.plan.actions,
      'timer',
    ).done;
    act(world, hosts, number);
  }
}

/** Remembers every tip that the branch ever had. */
function watchTips(world: World): () => readonly Oid[] {
  const { remote } = world;
  const setRef = remote.setRef.bind(remote);
  const tips: Oid[] = [];
  Object.assign(remote, {
    setRef: (ref: string, oid: Oid | null) => {
      if (ref === BRANCH && oid !== null) tips.push(oid);
      setRef(ref, oid);
    },
  });
  return () => [
    ...tips,
    ...remote.moves.flatMap(({ ref, next }) => (ref === BRANCH && next !== null ? [next] : [])),
  ];
}

/**
 * Whether nothing is left to do. A run that has not ended is something, also when nothing of it is
 * open work any more. `judged`: the tip that was looked at in full, so that each is once.
 */
export function isAtRest(
  world: World,
  hosts: readonly Host[],
  judged: { tip: string } = { tip: '' },
): boolean {
  if ([...world.remote.refs.keys()].some((ref) => ref.startsWith(REFS.claims))) return false;
  if (world.runs.some(({ endedMs }) => endedMs === null)) return false;
  const tip = world.remote.refs.get(BRANCH);
  const living = hosts.map(({ process }) => process?.dispatcher);
  if (
    tip === undefined ||
    living.some((dispatcher) => dispatcher === undefined || dispatcher.mirror.index().tip !== tip)
  )
    return false;
  if (
    living.some(
      (dispatcher) =>
        dispatcher !== undefined &&
        (dispatcher.state.claims.own.size > 0 || dispatcher.state.post.outgoing.length > 0),
    )
  )
    return false;
  if (judged.tip === tip) return false;
  if (
    living.some(
      (dispatcher) =>
        dispatcher !== undefined &&
        judgeAllWork(dispatcher).some(({ reason }) => reason.kind === 'ready'),
    )
  )
    return false;
  judged.tip = tip;
  return openEligible(world, hosts).length === 0 && listRunsLeft(world).length === 0;
}

/** I9: every run that has begun comes to its end. */
export function listRunsLeft(world: World): readonly string[] {
  const tip = world.remote.refs.get(BRANCH);
  return tip === undefined
    ? []
    : listOpenRuns(world.remote.filesOf(tip)).map((run) => `I9 the run ${run} has not ended`);
}

function openEligible(world: World, hosts: readonly Host[]) {
  const tip = world.remote.refs.get(BRANCH);
  const served = (name: string, alias: string | null): boolean =>
    name === 'workflow' ||
    hosts.some((host) => host.serves.has(name) && (alias === null || host.alias === alias));
  return tip === undefined
    ? []
    : listUnanswered(world.remote.filesOf(tip), served).filter(({ eligible }) => eligible);
}

/** Every host has come to the same conclusion as one that reads the tree for the first time. */
async function compareIndexes(world: World, hosts: readonly Host[]): Promise<readonly string[]> {
  const mirror = createMirror(world.remote.open(), null);
  await mirror.pull({ tip: world.remote.refs.get(BRANCH) ?? null, asOf: 0 });
  const expected = describeIndex(mirror.index());
  return hosts.flatMap(({ name, process }) => {
    const found = process === null ? expected : describeIndex(process.dispatcher.mirror.index());
    return found === expected ? [] : [`index of ${name}: ${found}, and of a newcomer: ${expected}`];
  });
}

function describeIndex(index: OpenIndex): string {
  const open = listWork(index).flatMap(({ key, message, recipient, twinOf }) =>
    index.models.includes(recipient)
      ? [`${key.slice(0, 6)} ${message.path} ${recipient}${twinOf === null ? '' : ' twin'}`]
      : [],
  );
  return [
    ...open,
    ...[...index.rejected.values()].flatMap(({ path, twinOf }) =>
      twinOf === undefined ? [`rejected ${path}`] : [],
    ),
  ]
    .sort()
    .join('; ');
}

/**
 * I9: what is neither answered nor for a reason left open, and what keeps the rest from coming to
 * rest.
 */
function describeUnrest(world: World, hosts: readonly Host[]): readonly string[] {
  const open = openEligible(world, hosts).map(({ path, recipient }) => {
    const verdicts = hosts.flatMap(({ name, process }) =>
      process === null
        ? [`${name} is down`]
        : judgeAllWork(process.dispatcher)
            .filter(({ work }) => work.message.path === path && work.recipient === recipient)
            .map(({ reason }) => `${name}: ${reason.kind}, ${sayReason(reason)}`),
    );
    return `I9 ${path} for ${recipient} is not answered; ${verdicts.join('; ')}`;
  });
  const busy = hosts.flatMap(({ name, process }) =>
    process === null ||
    (heldClaims(process.dispatcher.state.claims.own).length === 0 &&
      process.dispatcher.state.post.outgoing.length === 0)
      ? []
      : [
          `I9 ${name} holds ${heldClaims(process.dispatcher.state.claims.own)
            .map(({ work, state }) => `${work.message.path} ${work.recipient} ${state.kind}`)
            .join()} and sends ${process.dispatcher.state.post.outgoing.map(({ transaction }) => transaction.name).join()}`,
        ],
  );
  const found = [...open, ...busy, ...checkClaimsGone(world), ...listRunsLeft(world)];
  return found.length > 0 ? found : [`not at rest after ${world.scheduler.nowMs()} ms`];
}

async function stopAll(world: World, hosts: readonly Host[]): Promise<void> {
  const processes = hosts.flatMap(({ process }) => process ?? []);
  world.end();
  for (const process of processes) process.stop.abort();
  await world.scheduler.run({
    untilMs: world.scheduler.nowMs() + 60_000,
    eventsMax: EVENTS_MAX,
    stop: () => processes.every(({ ended }) => ended !== null),
  });
  for (const process of processes)
    if (process.ended === null) world.problems.push(`${process.owner.name} does not stop`);
}
