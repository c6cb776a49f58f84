/**
 * Pushes that no honest tool makes, read by the dispatcher of production with its doors in memory:
 * a push costs a millisecond, so there can be many.
 */
import { createLog, type LogRecord } from '../../src/base/log.ts';
import { systemClock } from '../../src/base/clock.ts';
import { createDispatcher } from '../../src/dispatcher/create-dispatcher.ts';
import type { Dispatcher } from '../../src/dispatcher/dispatcher.ts';
import { heldClaims } from '../../src/dispatcher/own-claims.ts';
import { tick } from '../../src/dispatcher/tick.ts';
import { NO_USAGE } from '../../src/agents/adapter.ts';
import type { Agents } from '../../src/agents/agent.ts';
import { refNames } from '../../src/protocol/paths.ts';
import { createMirror } from '../../src/transport/mirror.ts';
import type { CommitDraft } from '../../src/transport/repository.ts';
import { openMemoryLocalState, createMemoryDisk } from '../support/memory-local-state.ts';
import { createMemoryRemote, type MemoryRemote } from '../support/memory-repository.ts';
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { entryOf } from '../support/work.ts';
import { channelOf, mutated, NAMES } from './pushes.ts';
import { CORPUS } from './corpus.ts';

const MAIN = 'refs/heads/main';
const REFS = refNames(true);
const MALLORY = { name: 'Mallory', email: 'm@example.org' };
/** Turns of the event loop that the work of one tick may take: agents here answer at once. */
const TURNS_MAX = 5_000;
/** A host meets so many pushes: what they leave makes its looks longer. */
const A_HOST = 20;

/**
 * Makes the pushes of `seeds` to a few hosts. Each lands together with a message to a neighbour,
 * which has to be answered when the host has looked twice. Null: all were; else what was not.
 */
export async function pushInMemory(seeds: readonly string[]): Promise<string | null> {
  for (let at = 0; at < seeds.length; at += A_HOST) {
    const failed = await pushToHost(seeds.slice(at, at + A_HOST));
    if (failed !== null) return failed;
  }
  return null;
}

async function pushToHost(seeds: readonly string[]): Promise<string | null> {
  const remote = createMemoryRemote();
  say(remote, { 'data/models.yaml': 'models:\n  echo: { adapter: command, command: [cat] }\n' });
  const told: LogRecord[] = [];
  const dispatcher = openHost(remote, told);
  for (const seed of seeds) {
    hostilePush(remote, createSeededRandom(seed));
    const path = `data/channels/neighbour/${seed}.md`;
    say(remote, { [path]: '---\nto: echo\nfrom: ada\n---\nare you there?\n' });
    for (const name of ['first', 'second']) {
      await tick(dispatcher);
      if (!(await isQuiet(dispatcher))) return `${seed}: its ${name} tick never comes to rest`;
    }
    const tip = remote.refs.get(MAIN);
    const files = tip === undefined ? new Map<string, string>() : remote.filesOf(tip);
    if (!files.has(path.replace(/\.md$/, '.re.echo.md'))) return `${seed}: no answer beside it`;
    const broken = told.find((record) =>
      /TypeError|RangeError|INTERNAL/.test(JSON.stringify(record)),
    );
    if (broken !== undefined) return `${seed}: it says ${JSON.stringify(broken).slice(0, 2_000)}`;
  }
  return null;
}

/** Waits, without a clock, until nothing that the tick began continues. */
async function isQuiet({ state }: Dispatcher): Promise<boolean> {
  const isBusy = (): boolean =>
    heldClaims(state.claims.own).length > 0 ||
    state.post.outgoing.length > 0 ||
    state.post.publishing;
  for (let turns = 0; turns < TURNS_MAX && isBusy(); turns += 1)
    await new Promise((next) => setImmediate(next));
  return !isBusy();
}

type Write = CommitDraft['writes'][number];

function say(remote: MemoryRemote, files: Readonly<Record<string, string | Uint8Array>>): void {
  const writes = Object.entries(files).map(([path, content]) => ({ path, content }));
  land(remote, { writes, message: 'say' });
}

function land(
  remote: MemoryRemote,
  draft: Pick<CommitDraft, 'writes' | 'message'> & Partial<CommitDraft>,
): void {
  const tip = remote.refs.get(MAIN);
  const whole = { author: MALLORY, committer: MALLORY, atMs: systemClock.wallMs(), ...draft };
  remote.setRef(MAIN, remote.commit(tip === undefined ? [] : [tip], whole));
}

/** Files, orders, records and commit messages, some of them where others stood. */
function hostilePush(remote: MemoryRemote, random: SeededRandom): void {
  const writes: Write[] = Array.from({ length: random.int(1, 6) }, () => ({
    path: `${channelOf(random)}/${random.chance(0.2) ? 'd/'.repeat(random.int(1, 60)) : ''}${random.pick(NAMES)}`,
    content: mutated(random, random.pick([CORPUS.messages, CORPUS.plans, CORPUS.records])),
  }));
  const distinct = new Map(writes.map((write) => [write.path, write]));
  // A file where a folder is needed, or the other way round, is for real trees.
  const folders = [...distinct.keys()];
  const clear = [...distinct.values()].filter(
    ({ path }) => !folders.some((other) => other !== path && other.startsWith(`${path}/`)),
  );
  const message = mutated(random, CORPUS.commits).toString('latin1').replaceAll('\0', '');
  land(remote, { writes: clear, message: random.chance(0.5) ? message : 'say' });
  for (let left = random.int(0, 2); left > 0; left -= 1) {
    const name = random.pick([
      `${REFS.claims}${random.hex(16)}`,
      `${REFS.hosts}mbp.${random.hex(6)}`,
      `${REFS.control}${random.hex(2)}`,
    ]);
    remote.setRef(name, remote.record(mutated(random, CORPUS.records).toString('latin1')));
  }
}

const agents: Agents = {
  run: async (request) => {
    await request.onStarted({ pgid: 2, startTicks: null });
    return {
      ...{ kind: 'answered', text: `echo ${request.prompt.length}`, session: null },
      ...{ usage: NO_USAGE, agent: 'fake 1', durationMs: 1 },
    };
  },
};

function openHost(remote: MemoryRemote, told: LogRecord[]): Dispatcher {
  const repository = remote.open();
  const mirror = createMirror(repository, null);
  const random = createSeededRandom('host');
  const none = (): Promise<never> => Promise.reject(new Error('no project has a place here'));
  const echo = entryOf({ name: 'echo', concurrency: 1_000 });
  return createDispatcher({
    settings: {
      ...{ alias: 'mbp', version: '9.0.0', refs: REFS, concurrency: 1_000, projects: {} },
      ...{ leaseMs: 120_000, beatMs: 30_000, marginMs: 20_000, pollMsMin: 500, pollMsMax: 30_000 },
      ...{ maxAgeMs: 86_400_000, hopsMax: 4, threadMessagesMax: 5, threadBytesMax: 4_000 },
      ...{ graceMs: 1_000, failuresMax: 6, failureWindowMs: 60_000, obeysControl: true },
      // A forged beat takes its share of the work for this long.
      ...{
        stealAfterMs: 0,
        forgetBeatMs: 86_400_000,
        wakeAddress: null,
        pokes: false,
        slowLease: null,
      },
    },
    doors: {
      ...{ clock: systemClock, random, log: createLog((record) => told.push(record)), repository },
      spacing: { gapMs: 0 },
      local: openMemoryLocalState(createMemoryDisk(), { instance: '0123456789ab' }),
      agents,
      workspace: { open: (id) => Promise.resolve(id), remove: () => Promise.resolve() },
      worktrees: { open: none, save: none, look: none, close: none },
      serving: () => Promise.resolve({ models: new Map([['echo', echo]]), refused: new Map() }),
      ...{ reap: () => Promise.resolve(), onOutput: () => undefined, poke: () => undefined },
    },
    mirror,
    publisher: { repository, mirror, clock: systemClock, random, branchRef: MAIN, atomic: true },
  });
}
