// Rows of one host that waits and then answers one message: the idle tick, the overhead of a reply,
// and our own part of it.
import { join } from 'node:path';
import { tick } from '../../../build/dispatcher/tick.js';
import { openGitRepository } from '../../../build/transport/git-repository.js';
import { systemClock } from '../../../build/base/clock.js';
import { systemRandom } from '../../../build/base/random.js';
import { replyPath } from '../../../build/protocol/paths.js';
import { createFloor } from '../floor.mjs';
import { openHost } from '../host.mjs';
import { alternate, countSpawns, median } from '../measure.mjs';
import { ask } from '../person.mjs';
import { copyRemote, git } from '../repository.mjs';

const IDENTITY = { name: 'echo', email: 'echo@bench.crosstalk' };
const ROUNDS = { idle: 41, reply: 7 };

/** All rows of one size and one kind of remote. `serve` turns a path into the URL to use. */
export async function measureReplies({ place, base, label, serve = (path) => path }) {
  const path = copyRemote(base, join(place, `reply-${label}.git`));
  const url = serve(path);
  const calls = [];
  const published = createSignal();
  const host = await openHost({
    place: join(place, `reply-${label}`),
    alias: 'ours',
    url,
    door: (repository) => watchCalls(repository, calls),
    onEvent: ({ event }) => event === 'reply.published' && published.fire(),
  });
  const floor = await openFloor({ place, label, path, url, refs: host.session.refs });
  try {
    for (let warm = 0; warm < 3; warm += 1) await tick(host.dispatcher);
    const idle = await measureIdle(host, floor);
    const reply = await measureReply({ host, floor, path, calls, published, serve });
    return [...idle, ...reply];
  } finally {
    await floor.repository.close();
    await host.close();
  }
}

async function measureIdle(host, floor) {
  const time = await alternate(ROUNDS.idle, {
    floor: () => floor.lsRemote().then(() => undefined),
    ours: () => tick(host.dispatcher),
    warmUp: 5,
  });
  const [bare, ours] = [
    await countSpawns(floor.lsRemote),
    await countSpawns(() => tick(host.dispatcher)),
  ];
  return [
    { row: 'idle tick', unit: 'ms', ...time, target: '≤ 1.2 × ls-remote', ok: time.ratio <= 1.2 },
    {
      row: 'idle tick: processes',
      unit: '',
      floor: 1,
      ours: ours.processes,
      target: '1',
      ok: ours.processes === 1,
    },
    {
      row: 'idle tick: bytes read',
      unit: 'B',
      floor: bare.bytes,
      ours: ours.bytes,
      target: 'as the floor',
      ok: ours.bytes <= bare.bytes * 1.2,
    },
  ];
}

async function measureReply({ host, floor, path, calls, published }) {
  const own = [];
  const phases = [];
  const sample = async () => {
    await tick(host.dispatcher); // what the floor did meanwhile is not to be read in our time
    ask(path);
    calls.length = 0;
    const startedMs = performance.now();
    const done = published.next();
    await tick(host.dispatcher);
    await done;
    // Visible to everybody is the reply when its push ends; what follows here is book-keeping.
    const totalMs = calls.findLast(({ name }) => name === 'push').toMs - startedMs;
    own.push(
      totalMs -
        covered(calls.slice(0, calls.findLastIndex(({ name }) => name === 'push') + 1), startedMs),
    );
    phases.push(
      calls
        .map(
          ({ name, fromMs, toMs }) =>
            `${name} ${(fromMs - startedMs).toFixed(1)}+${(toMs - fromMs).toFixed(1)}`,
        )
        .join(', '),
    );
    return totalMs;
  };
  const time = await alternate(ROUNDS.reply, {
    floor: () => floorReply(floor, path),
    ours: sample,
  });
  return [
    {
      row: 'reply overhead',
      unit: 'ms',
      ...time,
      target: '≤ 1.25 × floor',
      ok: time.ratio <= 1.25,
      detail: phases.at(-1),
    },
    {
      row: 'reply: our own part',
      unit: 'ms',
      ours: median(own.slice(1)),
      target: '≤ 15 ms',
      ok: median(own.slice(1)) <= 15,
    },
  ];
}

async function openFloor({ place, label, path, url, refs }) {
  const gitDir = join(place, `floor-${label}.git`);
  copyRemote(path, gitDir);
  git(gitDir, ['update-ref', 'refs/crosstalk/tip', 'refs/heads/main']);
  const repository = await openGitRepository({
    cacheDir: gitDir,
    url,
    branch: 'main',
    env: process.env,
    clock: systemClock,
    random: systemRandom,
    allowHttp: true,
  });
  return {
    ...createFloor({ gitDir, url, refs }),
    repository,
    refs,
    isHttp: url.startsWith('http'),
  };
}

/**
 * What raw git needs for the steps of a reply, the sum of their times: look, fetch, claim, publish.
 * What it takes to make the objects is not part of it.
 */
async function floorReply(floor, path) {
  const fetch = (oid) => (floor.isHttp ? floor.fetchHttp(oid) : floor.fetchPack(oid));
  await fetch(git(path, ['rev-parse', 'refs/heads/main']));
  floor.keep(git(path, ['rev-parse', 'refs/heads/main']));
  const { paths, tip } = ask(path);
  const ref = `${floor.refs.claims}${tip.slice(0, 32)}`;
  const claim = await floor.repository.writeRecord(JSON.stringify({ bench: ref }));
  let ms = 0;
  const step = async (act) => {
    const startedMs = performance.now();
    await act();
    ms += performance.now() - startedMs;
  };
  await step(() => floor.lsRemote());
  await step(() => fetch(tip));
  floor.keep(tip);
  await step(() => floor.claim(ref, claim));
  const [next] = await floor.repository.buildCommits(tip, [
    {
      writes: [{ path: replyPath(paths[0], 'echo'), content: 'An answer.\n' }],
      author: IDENTITY,
      committer: IDENTITY,
      atMs: Date.now(),
      message: 'echo → maintainer: An answer.\n',
    },
  ]);
  await step(() => floor.reply({ tip, next, ref, claim }));
  return ms;
}

/** The repository's door, with a note of every call to the remote. */
function watchCalls(repository, calls) {
  const watch =
    (name) =>
    async (...args) => {
      const call = { name, fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY };
      calls.push(call);
      return repository[name](...args).finally(() => (call.toMs = performance.now()));
    };
  return { ...repository, listRefs: watch('listRefs'), fetch: watch('fetch'), push: watch('push') };
}

/** Milliseconds from `startedMs` on in which at least one call was on its way. */
function covered(calls, startedMs) {
  let [sum, atMs] = [0, startedMs];
  for (const { fromMs, toMs } of [...calls].sort((a, b) => a.fromMs - b.fromMs)) {
    sum += Math.max(0, toMs - Math.max(fromMs, atMs));
    atMs = Math.max(atMs, toMs);
  }
  return sum;
}

function createSignal() {
  let waiting = [];
  return {
    next: () => new Promise((resolve) => waiting.push(resolve)),
    fire: () => {
      for (const resolve of waiting.splice(0)) resolve();
      waiting = [];
    },
  };
}
