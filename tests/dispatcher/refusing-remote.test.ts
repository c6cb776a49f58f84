/**
 * A remote that is there and does not take what it is given, in every way that there is: a
 * dispatcher says so once, in the remote's words, asks less and less often, starts no agent twice,
 * and is done when the remote takes it again. `--once` ends, and not with 0.
 */
import { describe, expect, it } from 'vitest';
import type { Doors } from '../../src/dispatcher/dispatcher.ts';
import { createLog, type LogRecord } from '../../src/base/log.ts';
import type { PushOutcome, RefUpdate, Repository } from '../../src/transport/repository.ts';
import { createHost, startProcess } from '../simulation/host.ts';
import { foundTransport } from '../simulation/people.ts';
import { drawsOf, type Plan, QUIET } from '../simulation/plan.ts';
import { BRANCH, createWorld, REFS, type World } from '../simulation/world.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';
import { claimKey } from '../../src/protocol/paths.ts';

const WORDS = 'we are closed on Sundays';
const PLAN: Plan = { ...QUIET, seed: 11, hosts: 1 };
const HOUR_MS = 3_600_000;
const EVENTS_MAX = 200_000;
/** Tries in an hour: a few at once, then one in five minutes for a beat, a claim and a reply. */
const IN_VAIN_AN_HOUR_MAX = 3 * 24;

type Spoil = (repository: Repository) => Partial<Repository>;

const answerAll =
  (which: (update: RefUpdate) => boolean, kind: 'stale' | 'refused'): Spoil =>
  (repository) => ({
    push: (updates, options) =>
      updates.some(which)
        ? Promise.resolve<PushOutcome>({
            kind: 'answered',
            refs: new Map(updates.map(({ ref }) => [ref, { kind, line: WORDS }])),
          })
        : repository.push(updates, options),
  });

const noAnswer =
  (reason: 'forbidden' | 'limited' | 'timeout' | 'silent' | 'unknown'): Spoil =>
  () => ({
    push: () => Promise.resolve({ kind: 'unknown', failure: { reason, line: WORDS } }),
  });

const isBranch = ({ ref, expected, next }: RefUpdate): boolean =>
  ref === BRANCH && expected !== next;
const isClaim = ({ ref, next }: RefUpdate): boolean => ref.startsWith(REFS.claims) && next !== null;
const isAny = (): boolean => true;

const KINDS: Readonly<Record<string, Spoil>> = {
  'a hook that declines everything': answerAll(isAny, 'refused'),
  'a protected branch': answerAll(isBranch, 'refused'),
  'refs of our own that are refused': answerAll(isClaim, 'refused'),
  'a branch whose lock was left behind': answerAll(isBranch, 'stale'),
  'claims that are lost to nobody': answerAll(isClaim, 'stale'),
  'a connection that is refused for pushes': noAnswer('forbidden'),
  'pushes without an answer': noAnswer('timeout'),
  'pushes until git is stopped': noAnswer('silent'),
  'pushes that end in words nobody knows': noAnswer('unknown'),
  'pushes that are too many': noAnswer('limited'),
};

interface Life {
  readonly world: World;
  readonly records: readonly LogRecord[];
  /** Pushes that had no effect. */
  readonly inVain: () => number;
  readonly mend: () => void;
  readonly ended: () => string | null;
  readonly pass: (ms: number, stop?: () => boolean) => Promise<boolean>;
}

const say = (name: string): { readonly path: string; readonly content: string } => ({
  path: `data/channels/general/${name}.md`,
  content: `---\nto: opus\n---\n[[M1]] hi ${name}\n`,
});

/** One host with messages for it, on a remote that is spoiled until it is mended. */
function live(spoil: Spoil, once: boolean, names: readonly string[] = ['m']): Life {
  const world = createWorld(PLAN, () => undefined);
  foundTransport(world);
  const person = { name: 'Ada', email: 'ada@example.org' };
  const tip = world.remote.refs.get(BRANCH);
  world.remote.setRef(
    BRANCH,
    world.remote.commit(tip === undefined ? [] : [tip], {
      writes: names.map(say),
      author: person,
      committer: person,
      atMs: BEGINNING_MS,
      message: 'say',
    }),
  );
  const host = createHost(world, {
    name: 'h0',
    alias: 'h0',
    random: drawsOf(PLAN, 'h0'),
    serves: new Set(['opus']),
    concurrency: 2,
    once,
  });
  const records: LogRecord[] = [];
  let [isSpoiled, inVain] = [true, 0];
  let end: string | null = null;
  const tamper = (doors: Doors): Doors => {
    const { repository, log } = doors;
    const spoiled = { ...repository, ...spoil(repository) };
    return {
      ...doors,
      log: createLog((record) => {
        records.push(record);
        log[record.level](record.event, record.fields);
      }),
      repository: {
        ...repository,
        push: async (updates, options) => {
          const pushed = await (isSpoiled ? spoiled : repository).push(updates, options);
          if (!hasLanded(pushed)) inVain += 1;
          return pushed;
        },
        listRefs: (prefixes, along) => (isSpoiled ? spoiled : repository).listRefs(prefixes, along),
      },
    };
  };
  void startProcess(world, host, tamper);
  const { process } = host;
  return {
    world,
    records,
    inVain: () => inVain,
    mend: () => (isSpoiled = false),
    ended: () => (end ??= process?.ended ?? null),
    pass: (ms, stop = () => false) =>
      world.scheduler.run({ untilMs: world.scheduler.nowMs() + ms, eventsMax: EVENTS_MAX, stop }),
  };
}

const hasLanded = (pushed: PushOutcome): boolean =>
  pushed.kind === 'answered' && [...pushed.refs.values()].every(({ kind }) => kind === 'landed');

const isAnswered = ({ world }: Life, name = 'm'): boolean => {
  const tip = world.remote.refs.get(BRANCH);
  return (
    tip !== undefined && world.remote.filesOf(tip).has(`data/channels/general/${name}.re.opus.md`)
  );
};

const saysWhy = ({ level, fields }: LogRecord): boolean =>
  level === 'alert' && String(fields['reason']).includes(WORDS);

describe.each(Object.entries(KINDS))('%s', (_, spoil) => {
  it('is told once, asked less and less often, and over as soon as the remote takes it', async () => {
    const life = live(spoil, false);
    await life.pass(HOUR_MS);
    expect(life.records.filter(saysWhy).length).toBeGreaterThan(0);
    expect(life.records.filter(saysWhy).length).toBeLessThan(4);
    const before = life.inVain();
    await life.pass(HOUR_MS);
    expect(life.inVain() - before).toBeLessThan(IN_VAIN_AN_HOUR_MAX);
    life.mend();
    expect(await life.pass(HOUR_MS, () => isAnswered(life))).toBe(true);
    expect(life.world.runs.length).toBe(1);
  });

  it.each([1, 6])('ends --once, and not as if nothing were left, with %d to ask', async (count) => {
    const life = live(spoil, true, ['m', 'n', 'o', 'p', 'q', 'r'].slice(0, count));
    expect(await life.pass(5 * 60_000, () => life.ended() !== null)).toBe(true);
    expect(life.ended()).toBe('refused');
    expect(life.records.filter(saysWhy).length).toBeGreaterThan(0);
    expect(life.inVain()).toBeLessThan(60);
  });
});

it('a remote that takes refs and hides them is told of in these words', async () => {
  const hides: Spoil = (repository) => ({
    listRefs: async (prefixes, along) => {
      const listed = await repository.listRefs(prefixes, along);
      return listed.kind === 'unreachable'
        ? listed
        : { kind: 'reached', value: { ...listed.value, refs: new Map() } };
    },
  });
  const life = live(hides, true);
  expect(await life.pass(HOUR_MS, () => life.ended() !== null)).toBe(true);
  expect(life.ended()).toBe('refused');
  expect(JSON.stringify(life.records)).toContain('does not show it');
  expect(life.world.runs).toEqual([]);
});

it('answers that are cut off are no refusal: a look shows that claim, reply and beat stand', async () => {
  const cuts: Spoil = (repository) => ({
    push: async (updates, options) => {
      await repository.push(updates, options);
      return { kind: 'unknown', failure: { reason: 'unknown', line: WORDS } };
    },
  });
  const life = live(cuts, true, ['m', 'n', 'o']);
  expect(await life.pass(5 * 60_000, () => life.ended() !== null)).toBe(true);
  expect(life.ended()).toBe('nothing-left');
  expect(life.records.filter(saysWhy)).toEqual([]);
  expect(life.world.runs.length).toBe(3);
});

it('one look that git had to be stopped over is enough for --once to end', async () => {
  const failure = { reason: 'silent', line: WORDS } as const;
  const asked: unknown[] = [];
  const hangs: Spoil = () => ({
    listRefs: (prefixes) => {
      asked.push(prefixes);
      return Promise.resolve({ kind: 'unreachable', failure });
    },
  });
  const life = live(hangs, true);
  expect(await life.pass(HOUR_MS, () => life.ended() !== null)).toBe(true);
  expect(life.ended()).toBe('unreachable');
  expect(asked.length).toBe(1);
});

it('one push that git had to be stopped over is enough for --once to end', async () => {
  const life = live(noAnswer('silent'), true, ['m', 'n', 'o']);
  expect(await life.pass(HOUR_MS, () => life.ended() !== null)).toBe(true);
  expect(life.inVain()).toBe(1);
});

it('a remote that limits pushes is left alone for minutes', async () => {
  const life = live(noAnswer('limited'), false);
  await life.pass(50_000);
  expect(life.inVain()).toBeLessThan(4);
});

it('a claim that is refused keeps no other work from its model', async () => {
  const key = claimKey({ channel: 'general', identity: 'm', recipient: 'opus' });
  const isRefused = ({ ref, next }: RefUpdate): boolean => ref.endsWith(key) && next !== null;
  const refusesOne: Spoil = (repository) => ({
    push: async (updates, options) => {
      const refused = updates.filter(isRefused);
      const others = updates.filter((update) => !isRefused(update));
      const pushed: PushOutcome =
        others.length === 0
          ? { kind: 'answered', refs: new Map() }
          : await repository.push(others, options);
      const answers = refused.map(({ ref }) => [ref, { kind: 'refused', line: WORDS }] as const);
      return pushed.kind === 'answered'
        ? { ...pushed, refs: new Map([...pushed.refs, ...answers]) }
        : pushed;
    },
  });
  const life = live(refusesOne, false, ['m', 'n', 'o', 'p']);
  const others = ['n', 'o', 'p'];
  const areAnswered = (): boolean => others.every((name) => isAnswered(life, name));
  expect(await life.pass(30_000, areAnswered)).toBe(true);
  expect(isAnswered(life)).toBe(false);
  life.mend();
  expect(await life.pass(HOUR_MS, () => isAnswered(life))).toBe(true);
});
