// Rows of the real binary starting: a version, a dispatcher with and without its checkpoint, and
// the memory it then takes.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { makeHome } from '../host.mjs';
import { alternate, median, times } from '../measure.mjs';
import { copyRemote } from '../repository.mjs';

const BIN = fileURLToPath(new URL('../../../bin/crosstalkd.js', import.meta.url));
const RESTARTS = 3;
/** Seconds that a first start may take, by messages. */
const FIRST_S = new Map([
  [100_000, 6],
  [1_000_000, 60],
]);

/** `--version` against a node that does nothing. */
export async function measureVersion() {
  const run = (args) => () => runToEnd(process.execPath, args);
  const time = await alternate(15, {
    floor: run(['-e', '0']),
    ours: run([BIN, '--version']),
    warmUp: 2,
  });
  return {
    row: 'crosstalkd --version',
    unit: 'ms',
    ...time,
    target: '≤ 1.5 × node -e 0',
    ok: time.ratio <= 1.5,
  };
}

/**
 * Until the dispatcher knows all open work: the first time, with its checkpoint, and without one.
 */
export async function measureStarts({ place, base, count }) {
  const url = copyRemote(base, join(place, `start-${count}.git`));
  const home = makeHome(place, `start-${count}`);
  const first = await startOnce(home, url);
  const [withOne, without] = [[], []];
  for (let round = 0; round < times(RESTARTS); round += 1) withOne.push(await startOnce(home, url));
  for (let round = 0; round < times(count > 200_000 ? 1 : 2); round += 1) {
    rmSync(join(home.state, stateOf(home), 'checkpoint'));
    without.push(await startOnce(home, url));
  }
  const row = (name, runs, rest) => ({
    row: name,
    unit: 'ms',
    ours: median(runs.map(({ ms }) => ms)),
    ...rest,
  });
  const rss = median(withOne.map(({ rssMb }) => rssMb));
  const [ms, slowMs] = [withOne, without].map((runs) => median(runs.map((run) => run.ms)));
  return [
    row('first start (reads everything)', [first], firstTarget(count, first.ms)),
    row('restart with a checkpoint', withOne, { target: '≤ 500 ms', ok: ms <= 500 }),
    row('restart without one', without, {
      target: count > 200_000 ? '' : '≤ 10 s',
      ok: count > 200_000 || slowMs <= 10_000,
    }),
    {
      row: 'memory with a checkpoint (RSS)',
      unit: 'MB',
      ours: rss,
      target: '≤ 150 MB',
      ok: rss <= 150,
    },
  ];
}

function firstTarget(count, ms) {
  const limit = FIRST_S.get(count);
  return limit === undefined
    ? { target: '', ok: true }
    : { target: `≤ ${limit} s`, ok: ms <= limit * 1_000 };
}

function stateOf({ state }) {
  return readdirSync(state).find((name) => /^[0-9a-f]{16}$/.test(name));
}

/**
 * Starts `run`, waits until it has looked once and written its checkpoint, reads its memory and
 * ends it.
 */
async function startOnce(home, url) {
  const startedMs = performance.now();
  const child = spawn(
    process.execPath,
    [BIN, 'run', url, '--state', home.state, '--alias', 'bench'],
    {
      env: home.env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const seenMs = await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (JSON.parse(line).event === 'models.loaded') resolve(performance.now());
    });
    child.on('exit', (code) => reject(new Error(`crosstalkd run ended with ${code}`)));
  });
  while (!existsSync(join(home.state, stateOf(home), 'checkpoint'))) await sleep(20);
  await sleep(200);
  const rssMb =
    Number(
      /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1] ?? Number.NaN,
    ) / 1024;
  child.kill('SIGTERM');
  await ended;
  return { ms: seenMs - startedMs, rssMb };
}

/** Wall time from spawn to exit is what a person waits for, so it is taken by the caller. */
function runToEnd(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: 'ignore', env });
    child.on('error', reject);
    child.on('exit', () => resolve());
  });
}

function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
