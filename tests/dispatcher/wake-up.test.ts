import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/base/clock.ts';
import { createLog } from '../../src/base/log.ts';
import { systemRandom } from '../../src/base/random.ts';
import type { Dispatcher } from '../../src/dispatcher/dispatcher.ts';
import { createDispatcher } from '../../src/dispatcher/create-dispatcher.ts';
import { endBeat, keepBeat } from '../../src/dispatcher/keep-lease.ts';
import { tick } from '../../src/dispatcher/tick.ts';
import { hint, trustWatch } from '../../src/dispatcher/wake-up.ts';
import { refNames } from '../../src/protocol/paths.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import { draftOf } from '../support/git-fixture.ts';
import { createMemoryDisk, openMemoryLocalState } from '../support/memory-local-state.ts';
import { createMemoryRemote, type MemoryRemote } from '../support/memory-repository.ts';

const MAIN = 'refs/heads/main';
const LETTER = '---\nto: somebody\n---\nHello\n';

/** A clock by hand whose sleepers wake when `pass` has carried it far enough. */
interface Hand extends Clock {
  readonly pass: (ms: number) => Promise<void>;
}

function createHand(): Hand {
  let nowMs = 1_000;
  const sleepers = new Set<{ readonly untilMs: number; readonly wake: () => void }>();
  return {
    wallMs: () => Date.UTC(2026, 10, 21) + nowMs,
    monotonicMs: () => nowMs,
    sleep: (ms) => new Promise((wake) => sleepers.add({ untilMs: nowMs + ms, wake })),
    pass: async (ms) => {
      nowMs += ms;
      for (const sleeper of sleepers) {
        if (sleeper.untilMs > nowMs) continue;
        sleepers.delete(sleeper);
        sleeper.wake();
      }
      await new Promise((settled) => setImmediate(settled));
    },
  };
}

interface Stage {
  readonly dispatcher: Dispatcher;
  readonly hand: Hand;
  readonly remote: MemoryRemote;
  readonly events: string[];
  /** `ls-remote`s so far. */
  readonly looks: () => number;
  /** Somebody else pushes a file. */
  readonly say: (name: string) => void;
}

async function createStage(): Promise<Stage> {
  const [hand, remote, events] = [createHand(), createMemoryRemote(), [] as string[]];
  let looks = 0;
  const repository = remote.open({
    step: (name, phase) => {
      if (name === 'listRefs' && phase === 'before') looks += 1;
      return Promise.resolve('go');
    },
  });
  const say = (name: string): void => {
    const tip = remote.refs.get(MAIN);
    remote.setRef(
      MAIN,
      remote.commit(
        tip === undefined ? [] : [tip],
        draftOf({ [`data/channels/general/${name}.md`]: LETTER }),
      ),
    );
  };
  say('first');
  const mirror = createMirror(repository, null);
  const none = (): Promise<never> => Promise.reject(new Error('nothing runs here'));
  const dispatcher = createDispatcher({
    settings: {
      alias: 'mbp',
      version: '8.0.0',
      refs: refNames(true),
      concurrency: 1,
      leaseMs: 120_000,
      beatMs: 30_000,
      marginMs: 20_000,
      slowLease: null,
      pollMsMin: 500,
      pollMsMax: 30_000,
      maxAgeMs: 86_400_000,
      hopsMax: 4,
      threadMessagesMax: 5,
      threadBytesMax: 4_000,
      graceMs: 1_000,
      failuresMax: 6,
      failureWindowMs: 60_000,
      projects: {},
      obeysControl: true,
      stealAfterMs: 1_500,
      forgetBeatMs: 86_400_000,
      wakeAddress: null,
      pokes: false,
    },
    doors: {
      clock: hand,
      random: systemRandom,
      log: createLog(({ event }) => events.push(event)),
      repository,
      spacing: { gapMs: 0 },
      local: openMemoryLocalState(createMemoryDisk(), { instance: '0123456789ab' }),
      agents: { run: none },
      workspace: { open: none, remove: none },
      worktrees: { open: none, save: none, look: none, close: none },
      serving: () => Promise.resolve({ models: new Map(), refused: new Map() }),
      reap: () => Promise.resolve(),
      onOutput: () => undefined,
      poke: () => undefined,
    },
    mirror,
    publisher: {
      repository,
      mirror,
      clock: hand,
      random: systemRandom,
      branchRef: MAIN,
      atomic: true,
    },
  });
  await tick(dispatcher);
  return { dispatcher, hand, remote, events, looks: () => looks, say };
}

/** So many passes, one usual pause apart. */
async function pass({ dispatcher, hand }: Stage, times: number): Promise<void> {
  for (let n = 0; n < times; n += 1) {
    await hand.pass(30_000);
    await tick(dispatcher);
  }
}

async function createWatched(): Promise<Stage> {
  const stage = await createStage();
  trustWatch(stage.dispatcher, '/srv/team.git');
  await tick(stage.dispatcher);
  return stage;
}

describe('a watched remote', () => {
  it('is not asked between safety looks while nothing is announced, and one that is not watched with every pass', async () => {
    const [watched, polled] = [await createWatched(), await createStage()];
    const before = [watched.looks(), polled.looks()];
    await pass(watched, 9);
    await pass(polled, 9);
    expect([watched.looks() - before[0]!, polled.looks() - before[1]!]).toEqual([0, 9]);
    await pass(watched, 1);
    expect(watched.looks() - before[0]!).toBe(1);
  });

  it('is asked at once when a change is announced', async () => {
    const stage = await createWatched();
    stage.say('second');
    hint(stage.dispatcher, 'watch');
    await stage.hand.pass(10);
    expect(stage.dispatcher.state.loop.wake.signal.aborted).toBe(true);
    await tick(stage.dispatcher);
    expect(stage.dispatcher.mirror.index().tip).toBe(stage.remote.refs.get(MAIN));
  });

  it('is asked with every pass while anybody holds a claim', async () => {
    const stage = await createWatched();
    stage.remote.setRef(
      `refs/crosstalk/claims/${'a'.repeat(32)}`,
      stage.remote.commit([], draftOf({})),
    );
    hint(stage.dispatcher, 'watch');
    await stage.hand.pass(10);
    await tick(stage.dispatcher);
    const before = stage.looks();
    await pass(stage, 3);
    expect(stage.looks() - before).toBe(3);
  });

  it('that does not announce a change is polled from then on, and that is told', async () => {
    const stage = await createWatched();
    stage.say('unannounced');
    await pass(stage, 10);
    expect(stage.dispatcher.mirror.index().tip).toBe(stage.remote.refs.get(MAIN));
    await pass(stage, 1);
    expect(stage.events).toContain('remote.unwatched');
    const before = stage.looks();
    await pass(stage, 3);
    expect(stage.looks() - before).toBe(3);
  });

  it('that announces a change a moment late is believed', async () => {
    const stage = await createWatched();
    stage.say('late');
    await pass(stage, 10);
    hint(stage.dispatcher, 'watch');
    await pass(stage, 2);
    expect(stage.events).not.toContain('remote.unwatched');
  });
});

describe('a flood of calls', () => {
  it('costs one look in the shortest pause, and the last one is not lost', async () => {
    const stage = await createStage();
    const { dispatcher, hand } = stage;
    let wakes = 0;
    for (let n = 0; n < 1_000; n += 1) {
      hint(dispatcher, 'webhook');
      await hand.pass(5);
      if (!dispatcher.state.loop.wake.signal.aborted) continue;
      wakes += 1;
      dispatcher.state.loop.wake = new AbortController();
    }
    expect(wakes).toBeGreaterThan(1);
    expect(wakes).toBeLessThanOrEqual(5_000 / 500 + 1);
    await hand.pass(500);
    expect(dispatcher.state.loop.wake.signal.aborted).toBe(true);
    expect(dispatcher.state.loop.hints.heard.get('webhook')).toBe(1_000);
  });
});

it('a host that ends while its beat is on its way leaves none behind', async () => {
  const { dispatcher, hand, remote } = await createStage();
  const beats = () =>
    [...remote.refs.keys()].filter((ref) => ref.startsWith(dispatcher.settings.refs.hosts));
  const beaten = keepBeat(dispatcher);
  const ended = endBeat(dispatcher);
  await beaten;
  expect(beats()).toHaveLength(1);
  await hand.pass(50);
  await ended;
  expect(beats()).toEqual([]);
  await keepBeat(dispatcher);
  expect(beats()).toEqual([]);
});
