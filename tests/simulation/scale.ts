/**
 * Many hosts on one branch of a remote that takes about one push a second, as public forges do: how
 * many replies a second, how long a finished answer waits, how many pushes it takes. The dispatcher
 * is the one of production; time is virtual. Used by scripts/scale.mjs.
 */
import { ulid } from 'ulid';
import type { Oid } from '../../src/base/ids.ts';
import type { Doors, Settings } from '../../src/dispatcher/dispatcher.ts';
import { DEFAULTS } from '../../src/local/config.ts';
import { formatMessage } from '../../src/protocol/message.ts';
import { SLOW_LEASE } from '../../src/protocol/pace.ts';
import { newMessagePath } from '../../src/protocol/paths.ts';
import type { OpenIndex } from '../../src/protocol/open-work.ts';
import type { Mirror } from '../../src/transport/mirror.ts';
import type { Reached, RefUpdate, Repository } from '../../src/transport/repository.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import { createHost, startProcess } from './host.ts';
import { checkSingleReplies, listUnanswered } from './invariants.ts';
import { drawsOf, type Plan } from './plan.ts';
import type { Act } from '../support/fake-agents.ts';
import { createLimiter, type Limiter, type RateLimit } from '../support/rate-limit.ts';
import { BRANCH, createWorld, REFS, type World } from './world.ts';

export interface ScaleOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly messages: number;
  /** Messages that people write each second, over all. */
  readonly rate: number;
  /** Agents at the same time on each host. */
  readonly concurrency: number;
  /** How long the remote is busy with one push of the branch. */
  readonly pushMs: number;
  /** data/transport.yaml; absent: there is none, so everybody pushes at once. */
  readonly transport?: string;
  /** What the remote allows; absent: everything. */
  readonly limit?: RateLimit;
  /** How long a connection takes before anything is asked on it; absent: no time. */
  readonly connectMs?: number;
  /** How long after the host before it each one starts; absent: all at once. */
  readonly startMs?: number;
  /** How long one of ten programs works; absent: none is longer than the others. */
  readonly longMs?: number;
  readonly onProgress?: (answered: number, virtualMs: number) => void;
}

export interface ScaleReport {
  readonly answered: number;
  readonly unanswered: number;
  readonly twice: readonly string[];
  readonly virtualMs: number;
  readonly perSecond: number;
  /** The same while messages came in, from when half of them were written. */
  readonly steadyPerSecond: number;
  /** From a finished answer to its reply on the branch. */
  readonly waitMs: { readonly p50: number; readonly p95: number; readonly max: number };
  /** The longest of these waits, in rounds in which every host lands one push. */
  readonly fairShares: number;
  readonly pushes: {
    readonly landed: number;
    readonly lost: number;
    readonly perLanded: number;
    readonly perReply: number;
  };
  readonly claimPushes: number;
  /** Every push of a host: of the branch, of claims, of beats. */
  readonly allPushes: { readonly perReply: number; readonly perMinute: number };
  /** Pushes that moved nothing that they were made for. */
  readonly lostPushes: number;
  readonly readsPerSecond: number;
  /** From a written message to its reply on the branch. */
  readonly answerMs: { readonly p50: number; readonly p95: number; readonly max: number };
  /** What the remote has refused, and the most that any minute and any second has seen. */
  readonly refused: number;
  readonly most: { readonly push: number; readonly read: number };
  readonly repliesAPush: number;
  /** Updates of capsules, and pushes that were made for them alone. */
  readonly capsules: { readonly along: number; readonly alone: number };
  /** `ls-remote`s of all hosts. */
  readonly looksPerSecond: number;
}

const CHANNELS = 20;
const MODELS_YAML =
  'models:\n  echo: {adapter: command, command: [x], effects: none, concurrency: 64}\n';
const NO_LIMIT = { pushesPerMinute: Infinity, readsPerSecond: Infinity, lockMs: 0 };
const LIMITED = { reason: 'limited', line: 'too many requests' } as const;
const EVENTS_MAX = 500_000_000;
const TIPS_MAX = 64;
/** What a host has that nobody has set anything on. */
const SETTINGS: Partial<Settings> = {
  leaseMs: DEFAULTS.leaseMs,
  beatMs: DEFAULTS.beatMs,
  marginMs: DEFAULTS.leaseMarginMs,
  slowLease: SLOW_LEASE,
  pollMsMin: DEFAULTS.intervalMinMs,
  pollMsMax: DEFAULTS.intervalMaxMs,
  forgetBeatMs: 86_400_000,
};

/** What the remote was asked, and when answers were finished and landed. */
interface Counts {
  landed: number;
  lost: number;
  claims: number;
  /** Of all kinds. */
  pushes: number;
  /** Of claims and beats, that moved nothing. */
  vain: number;
  looks: number;
  reads: number;
  readonly capsules: { along: number; alone: number };
  readonly limiter: Limiter;
  readonly written: Map<string, number>;
  readonly answers: number[];
  /** Settles when the push that the remote has in hand is decided; null = it has none. */
  busy: Promise<unknown> | null;
  answered: number;
  /** Of these, in the second half of the time in which people wrote. */
  steady: number;
  /** The newest commit that a host has landed. */
  head: Oid | null;
  readonly waits: number[];
}

/** Runs until every message is answered, or the time is ten times what writing them took. */
export async function runScale(options: ScaleOptions): Promise<ScaleReport> {
  const world = createWorld(planOf(options), () => undefined);
  const counts: Counts = {
    landed: 0,
    lost: 0,
    claims: 0,
    pushes: 0,
    vain: 0,
    looks: 0,
    reads: 0,
    capsules: { along: 0, alone: 0 },
    limiter: createLimiter(options.limit ?? NO_LIMIT),
    written: new Map(),
    answers: [],
    busy: null,
    answered: 0,
    steady: 0,
    head: null,
    waits: [],
  };
  commit(world, [
    { path: 'data/models.yaml', content: MODELS_YAML },
    ...(options.transport === undefined
      ? []
      : [{ path: 'data/transport.yaml', content: options.transport }]),
  ]);
  const view = shareIndexes();
  const hosts = Array.from({ length: options.hosts }, (_, index) =>
    createHost(world, {
      name: `h${index}`,
      alias: `h${index}`,
      random: drawsOf(world.plan, `h${index}`),
      serves: new Set(['echo']),
      concurrency: options.concurrency,
      settings: SETTINGS,
      view,
      ...(options.longMs === undefined ? {} : { act: drawActs(world, index, options.longMs) }),
    }),
  );
  hosts.forEach((host, index) => {
    const start = async (): Promise<void> => {
      await world.scheduler.wait(null, index * (options.startMs ?? 0), 'timer').done;
      await startProcess(world, host, (doors) => measured(world, { doors, counts, options }));
    };
    void start();
  });
  void writeMessages(world, { ...options, written: counts.written });
  const { scheduler } = world;
  const writingMs = (options.messages / options.rate) * 1_000;
  await scheduler.run({
    untilMs: writingMs * 10 + 3_600_000,
    eventsMax: EVENTS_MAX,
    stop: () => counts.answered >= options.messages,
  });
  const virtualMs = scheduler.nowMs();
  const tip = world.remote.refs.get(BRANCH);
  const files = tip === undefined ? new Map<string, string>() : world.remote.filesOf(tip);
  const unanswered = listUnanswered(files, () => true).filter(({ eligible }) => eligible);
  // Nobody takes anything away here, so every reply that was ever added stands at the end.
  const newest = counts.head === null ? null : world.remote.commitInfo(counts.head);
  return {
    answered: counts.answered,
    unanswered: unanswered.length,
    twice:
      newest === null ? [] : checkSingleReplies([{ commit: newest, added: files }], world.runs),
    virtualMs,
    perSecond: (counts.answered * 1_000) / virtualMs,
    steadyPerSecond: (counts.steady * 2_000) / writingMs,
    waitMs: quantiles(counts.waits),
    answerMs: quantiles(counts.answers),
    fairShares: quantile(counts.waits, 1) / ((options.hosts * virtualMs) / counts.landed),
    pushes: {
      landed: counts.landed,
      lost: counts.lost,
      perLanded: (counts.landed + counts.lost) / counts.landed,
      perReply: (counts.landed + counts.lost) / counts.answered,
    },
    claimPushes: counts.claims,
    allPushes: {
      perReply: counts.pushes / counts.answered,
      perMinute: (counts.pushes * 60_000) / virtualMs,
    },
    lostPushes: counts.lost + counts.vain,
    readsPerSecond: (counts.reads * 1_000) / virtualMs,
    refused: counts.limiter.refused(),
    most: counts.limiter.most(),
    repliesAPush: counts.answered / counts.landed,
    capsules: counts.capsules,
    looksPerSecond: (counts.looks * 1_000) / virtualMs,
  };
}

function planOf({ seed, hosts, messages }: ScaleOptions): Plan {
  const calm = { faults: new Set<never>(), faultEveryMs: 1_000, faultRate: 0, faultsUntilMs: 0 };
  return { seed, hosts, actions: messages, atomic: true, rewrite: false, markers: [], ...calm };
}

/**
 * The index is a function of the tree, so hosts at one commit share it: what is worked out of it is
 * worked out once and not by each of a hundred.
 */
function shareIndexes(): (mirror: Mirror) => Mirror {
  const byTip = new Map<Oid, OpenIndex>();
  const share = (index: OpenIndex): OpenIndex => {
    if (index.tip === null) return index;
    const shared = byTip.get(index.tip) ?? index;
    byTip.set(index.tip, shared);
    if (byTip.size > TIPS_MAX)
      for (const oldest of [...byTip.keys()].slice(0, TIPS_MAX / 2)) byTip.delete(oldest);
    return shared;
  };
  return (mirror) => ({ ...mirror, index: () => share(mirror.index()) });
}

/** Programs of one host, of which one in ten works for long. */
function drawActs(world: World, index: number, longMs: number): () => Act {
  const random = drawsOf(world.plan, `acts ${index}`);
  return () => ({ kind: 'answer', ms: random.chance(0.1) ? longMs : random.int(20, 30_000) });
}

function countCapsules({ capsules }: Counts, updates: readonly RefUpdate[]): void {
  const along = updates.filter(({ ref }) => ref.startsWith(REFS.capsules)).length;
  capsules.along += along;
  if (along === updates.length) capsules.alone += 1;
}

/**
 * The doors of one process: its pushes of the branch take their turn at the remote, and its answers
 * are timed.
 */
function measured(
  world: World,
  { doors, counts, options }: { doors: Doors; counts: Counts; options: ScaleOptions },
): Doors {
  const { scheduler } = world;
  const writingMs = (options.messages / options.rate) * 1_000;
  const finished = new Map<string, number>();
  const { connectMs = 0 } = options;
  // As where the address says that the remote is a forge.
  if (options.limit !== undefined) doors.spacing.gapMs = 1_500;
  const connect = async (what: 'push' | 'read'): Promise<boolean> => {
    if (connectMs > 0) await scheduler.wait(null, connectMs, 'wire').done;
    return counts.limiter.take(what, scheduler.nowMs());
  };
  const push: Repository['push'] = async (updates, how) => {
    counts.pushes += 1;
    countCapsules(counts, updates);
    if (!(await connect('push'))) return { kind: 'unknown', failure: LIMITED };
    const branch = updates.find(({ ref, expected, next }) => ref === BRANCH && expected !== next);
    if (branch === undefined) {
      counts.claims += updates.some(({ ref }) => ref.startsWith(REFS.claims)) ? 1 : 0;
      const pushed = await doors.repository.push(updates, how);
      const results = pushed.kind === 'answered' ? [...pushed.refs] : [];
      const main = results.filter(([ref]) => !ref.startsWith(REFS.capsules) && ref !== BRANCH);
      const meant = main.filter(([ref]) => ref.startsWith(REFS.claims) || main.length === 1);
      if (!meant.some(([, { kind }]) => kind === 'landed')) counts.vain += 1;
      return pushed;
    }
    // A server says at once that a ref stands elsewhere; only what it takes in has to wait for its
    // turn, and takes its time.
    const fits = (): boolean => world.remote.refs.get(BRANCH) === branch.expected;
    while (fits() && counts.busy !== null) await counts.busy;
    const isTaken = fits();
    const pushing = (
      isTaken ? scheduler.wait(null, options.pushMs, 'wire').done : Promise.resolve()
    ).then(() => doors.repository.push(updates, how));
    // Until it is decided: anyone who waits must not begin on a tip that is about to go.
    if (isTaken) counts.busy = pushing.finally(() => (counts.busy = null));
    const outcome = await pushing;
    const landed = outcome.kind === 'answered' && outcome.refs.get(BRANCH)?.kind === 'landed';
    counts[landed ? 'landed' : 'lost'] += 1;
    if (landed) counts.head = branch.next;
    else if (branch.next !== null) world.remote.forgetBuilt(branch.next);
    return outcome;
  };
  const read = async <T>(ask: () => Promise<Reached<T>>): Promise<Reached<T>> => {
    counts.reads += 1;
    return (await connect('read')) ? ask() : { kind: 'unreachable', failure: LIMITED };
  };
  const listRefs: Repository['listRefs'] = (prefixes, along) => {
    counts.looks += 1;
    return read(() => doors.repository.listRefs(prefixes, along));
  };
  const fetch: Repository['fetch'] = (want) => read(() => doors.repository.fetch(want));
  // No host is started again here, and a hundred of them write long texts.
  const writeCheckpoint: Doors['local']['writeCheckpoint'] = () =>
    doors.local.writeCheckpoint(null);
  const note: Doors['log'] = {
    ...doors.log,
    status: (event, fields = {}) => {
      const message = String(fields['message']);
      if (event === 'attempt.ended') finished.set(message, scheduler.nowMs());
      if (event === 'reply.published') {
        counts.answered += 1;
        if (scheduler.nowMs() >= writingMs / 2 && scheduler.nowMs() < writingMs) counts.steady += 1;
        counts.waits.push(scheduler.nowMs() - (finished.get(message) ?? scheduler.nowMs()));
        counts.answers.push(scheduler.nowMs() - (counts.written.get(message) ?? 0));
        finished.delete(message);
        if (counts.answered % 500 === 0) options.onProgress?.(counts.answered, scheduler.nowMs());
      }
      doors.log.status(event, fields);
    },
  };
  return {
    ...doors,
    log: note,
    local: { ...doors.local, writeCheckpoint },
    repository: { ...doors.repository, push, listRefs, fetch },
  };
}

/**
 * People push once in ten seconds what they wrote meanwhile; they do not take turns with the hosts.
 */
async function writeMessages(
  world: World,
  { messages, rate, seed, written }: ScaleOptions & Pick<Counts, 'written'>,
): Promise<void> {
  const aCommit = Math.max(1, Math.round(rate * 10));
  for (let first = 0; first < messages; first += aCommit) {
    await world.scheduler.wait(null, (aCommit / rate) * 1_000, 'timer').done;
    const count = Math.min(aCommit, messages - first);
    const writes = Array.from({ length: count }, (_, n) =>
      writeMessage(world, { number: first + n, seed }),
    );
    for (const { path } of writes) written.set(path, world.scheduler.nowMs());
    commit(world, writes);
  }
}

function writeMessage(
  world: World,
  { number, seed }: { readonly number: number; readonly seed: number },
) {
  const atMs = Math.round(BEGINNING_MS + world.scheduler.nowMs());
  const random = drawsOf(world.plan, `message ${seed} ${number}`);
  return {
    path: newMessagePath(
      `team-${number % CHANNELS}`,
      atMs,
      ulid(atMs, () => random.next()),
    ),
    content: formatMessage(
      { to: ['echo'], from: 'ada', timestamp: new Date(atMs).toISOString() },
      `Question [[M${number}]]\n`,
    ),
  };
}

function commit(
  world: World,
  writes: readonly { readonly path: string; readonly content: string }[],
): void {
  const tip = world.remote.refs.get(BRANCH);
  const person = { name: 'Ada', email: 'ada@example.org' };
  const atMs = BEGINNING_MS + world.scheduler.nowMs();
  const draft = { writes, author: person, committer: person, atMs, message: 'ask' };
  world.remote.setRef(BRANCH, world.remote.commit(tip === undefined ? [] : [tip], draft));
}

function quantiles(values: readonly number[]) {
  return { p50: quantile(values, 0.5), p95: quantile(values, 0.95), max: quantile(values, 1) };
}

function quantile(values: readonly number[], at: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) * at)] ?? Number.NaN;
}
