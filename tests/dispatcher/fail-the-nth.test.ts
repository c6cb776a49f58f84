/**
 * Fail the Nth: the dispatcher of production answers one message, and each call of a door, one
 * after the other, fails, is where the process dies before it has its effect, or after. Then it
 * starts again, and everything that is promised has to hold. `scripts/fail-nth.mjs` does the same
 * with real processes, real git and a real disk. FAULTS §5 case 49, and 53 for the workflow.
 */
import { expect, it } from 'vitest';
import { CrosstalkError } from '../../src/base/errors.ts';
import type { Doors } from '../../src/dispatcher/dispatcher.ts';
import type { Repository } from '../../src/transport/repository.ts';
import {
  createHost,
  type Host,
  killProcess,
  startProcess,
  type Tamper,
} from '../simulation/host.ts';
import {
  checkClaimsGone,
  checkFences,
  checkHistory,
  checkOverlap,
  checkRuns,
  checkSingleReplies,
  historyOf,
} from '../simulation/invariants.ts';
import { foundTransport } from '../simulation/people.ts';
import { drawsOf, type Plan, QUIET } from '../simulation/plan.ts';
import { BRANCH, createWorld, type World } from '../simulation/world.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';

type How = 'error' | 'before' | 'after';
const HOWS: readonly How[] = ['error', 'before', 'after'];
/** More calls than any of the stories takes. */
const CALLS_MAX = 2_000;
const REST_MS_MAX = 2 * 3_600_000;
const EVENTS_MAX = 200_000;
const PLAN: Plan = { ...QUIET, seed: 7, hosts: 1 };
const never = new Promise<never>(() => undefined);

/** What is asked, the reply that ends it, and how many replies there are at the end. */
interface Story {
  readonly path: string;
  readonly text: string;
  readonly replies: number;
  /** Each call is spoiled in one of the three ways, in turn. */
  readonly takesTurns?: true;
}
/** `npm run soak`: every call in every way. */
const TAKES_ALL = process.env['FAIL_NTH'] === 'all';
const STORIES: Readonly<Record<string, Story>> = {
  'an agent without side effects': {
    path: 'data/channels/general/m.md',
    text: '---\nto: opus\n---\n[[M1]] hello\n',
    replies: 1,
    takesTurns: true,
  },
  'an agent with side effects': {
    path: 'data/channels/general/m.md',
    text: '---\nto: mailer\n---\n[[M1]] hello\n',
    replies: 1,
  },
  'a workflow': {
    path: 'data/channels/general/w.md',
    text: '---\nto: workflow\ntype: workflow\nsteps:\n  a: { each: [1, 2], prompt: "[[M${{ item }}]]", model: opus }\n---\nrun\n',
    replies: 3,
    takesTurns: true,
  },
};

it.each(Object.entries(STORIES))(
  'whichever call of a door fails or is the last, %s is answered once and nothing is left',
  async (_, story) => {
    for (const [place, how] of HOWS.entries()) {
      const step = story.takesTurns && !TAKES_ALL ? HOWS.length : 1;
      let n = step === 1 ? 1 : 1 + place;
      for (; n <= CALLS_MAX; n += step) {
        const { hit, problems } = await live(story, { n, how });
        expect(problems, `call ${n} (${hit ?? 'not reached'}), ${how}`).toEqual([]);
        if (hit === null) break;
      }
      // A story that ended early would prove little.
      expect(n).toBeGreaterThan(30);
      expect(n).toBeLessThan(CALLS_MAX);
    }
  },
);

interface Trouble {
  readonly n: number;
  readonly how: How;
}

/** One life: with the trouble, then again without. `hit`: the call that was chosen. */
async function live(
  story: Story,
  trouble: Trouble,
): Promise<{ readonly hit: string | null; readonly problems: readonly string[] }> {
  const world = createWorld(PLAN, () => undefined);
  foundTransport(world);
  const person = { name: 'Ada', email: 'ada@example.org' };
  const tip = world.remote.refs.get(BRANCH);
  const draft = {
    writes: [{ path: story.path, content: story.text }],
    author: person,
    committer: person,
    atMs: BEGINNING_MS,
    message: 'say',
  };
  world.remote.setRef(BRANCH, world.remote.commit(tip === undefined ? [] : [tip], draft));
  const host = createHost(world, {
    name: 'h0',
    alias: 'h0',
    random: drawsOf(PLAN, 'h0'),
    serves: new Set(['opus', 'mailer']),
    concurrency: 2,
  });
  const counter = { calls: 0, hit: null as string | null };
  void startProcess(world, host, troubled({ world, host, counter, trouble }));
  const isDone = (): boolean => isIdle(world, host) && repliesOf(world).length === story.replies;
  const run = (stop: () => boolean): Promise<boolean> =>
    world.scheduler.run({
      untilMs: world.scheduler.nowMs() + REST_MS_MAX,
      eventsMax: EVENTS_MAX,
      stop,
    });
  const end = async (): Promise<void> => {
    const { process } = host;
    process?.stop.abort();
    await run(() => process === null || process.ended !== null);
  };
  await run(() => host.process === null || isDone());
  await end();
  void startProcess(world, host);
  const rested = await run(isDone);
  await end();
  const history = historyOf(world.remote, world.remote.refs.get(BRANCH) ?? null);
  return {
    hit: counter.hit,
    problems: [
      ...(rested
        ? []
        : [`I9 not at rest: ${repliesOf(world).join(' ')} ${checkClaimsGone(world).join(' ')}`]),
      // What could not be removed is removed by the next start.
      ...world.problems.filter(
        (problem) => counter.hit !== 'workspace.remove' || !problem.startsWith('I11'),
      ),
      ...checkHistory(history).filter((problem) => !isEngineFile(problem)),
      ...checkSingleReplies(history, world.runs),
      ...checkFences(world.remote).filter((problem) => !isEngineFile(problem)),
      ...checkRuns(world.runs),
      ...checkOverlap(world.runs, world.scheduler.nowMs()),
      ...(host.disk.outbox.size > 0 ? ['I11 the outbox is not empty'] : []),
    ],
  };
}

/** What the engine adds is not a reply to a message, and is judged by its own tests. */
function isEngineFile(problem: string): boolean {
  return (
    /^I3 \S+ adds \S+, which is not a reply$/.test(problem) ||
    /task\.md by push|\.re\.workflow\.md (is by workflow|by push)/.test(problem)
  );
}

function repliesOf(world: World): readonly string[] {
  const tip = world.remote.refs.get(BRANCH);
  return tip === undefined
    ? []
    : [...world.remote.filesOf(tip).keys()].filter((path) => path.includes('.re.'));
}

/** It has looked, and nothing continues. */
function isIdle(world: World, { process, programs }: Host): boolean {
  const state = process?.dispatcher.state;
  if (state === undefined || !state.claims.recovered || programs.size > 0) return false;
  return (
    state.claims.own.size === 0 &&
    state.post.outgoing.length === 0 &&
    checkClaimsGone(world).length === 0
  );
}

interface Troubled {
  readonly world: World;
  readonly host: Host;
  readonly counter: { calls: number; hit: string | null };
  readonly trouble: Trouble;
}

/**
 * Answered without asking anybody: nothing that could fail, and no moment in which a process could
 * end.
 */
const AT_ONCE = new Set(['keeps', 'hurry']);

type StreamName = {
  [K in keyof Repository]: ReturnType<Repository[K]> extends AsyncIterable<unknown> ? K : never;
}[keyof Repository];
type Pieces = AsyncIterable<unknown>;

/**
 * Methods that give their answer in pieces: their call begins when the first piece is asked for,
 * and fails or is the last there.
 */
const STREAMS: Readonly<Record<StreamName, true>> = { scanBlobs: true, walk: true };

/** Doors that count their calls together, and spoil the chosen one. */
function troubled({ world, host, counter, trouble }: Troubled): Tamper {
  const die = (): Promise<never> => {
    killProcess(world, host, 'process');
    return never;
  };
  const spoil = <T extends object>(door: T, name: string, fail: (method: string) => unknown): T =>
    new Proxy(door, {
      get: (target, key) => {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== 'function' || AT_ONCE.has(String(key))) return value;
        return (...args: unknown[]): unknown => {
          const call = (): unknown => Reflect.apply(value, target, args);
          counter.calls += 1;
          if (counter.calls !== trouble.n) return call();
          counter.hit = `${name}.${String(key)}`;
          if (Object.hasOwn(STREAMS, key))
            return spoilPieces(call as () => Pieces, () => fail(String(key)));
          if (trouble.how === 'before') return die();
          if (trouble.how === 'error') return fail(String(key));
          return Promise.resolve(call()).then(die);
        };
      },
    });
  const spoilPieces = async function* (call: () => Pieces, fail: () => unknown): Pieces {
    if (trouble.how === 'before') await die();
    if (trouble.how === 'error') await fail();
    else for await (const piece of call()) yield piece;
    await die();
  };
  return (doors: Doors) => ({
    ...doors,
    repository: spoil(doors.repository, 'git', failGit),
    local: spoil(doors.local, 'disk', (method) =>
      Promise.reject(new CrosstalkError('STATE_UNUSABLE', `${method}: no space left on device`)),
    ),
    agents: spoil(doors.agents, 'agents', () => Promise.resolve(CRASHED)),
    workspace: spoil(doors.workspace, 'workspace', (method) =>
      Promise.reject(new Error(`${method}: EIO`)),
    ),
    serving: spoil({ serving: doors.serving }, 'serving', () => Promise.reject(new Error('EIO')))
      .serving,
    reap: spoil({ reap: doors.reap }, 'reap', () => Promise.reject(new Error('EIO'))).reap,
  });
}

const CRASHED = {
  kind: 'failed',
  class: 'unavailable',
  detail: 'played',
  resetAtMs: null,
  usage: { tokensIn: null, tokensOut: null, costUsd: null },
  durationMs: 1,
  rawOutput: null,
};

function failGit(method: string): Promise<unknown> {
  const failure = { reason: 'refused', line: 'played' };
  if (method === 'listRefs' || method === 'fetch')
    return Promise.resolve({ kind: 'unreachable', failure });
  if (method === 'push') return Promise.resolve({ kind: 'unknown', failure });
  return Promise.reject(new CrosstalkError('INTERNAL', `${method}: played`));
}
