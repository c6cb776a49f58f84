// Rows of commands that read, in a clone of a given size: the whole process from start to end, as a
// person waits for it.
import { spawn, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makeHome } from '../host.mjs';
import { alternate } from '../measure.mjs';
import { copyRemote, git } from '../repository.mjs';

const BIN = fileURLToPath(new URL('../../../bin/crosstalkd.js', import.meta.url));
/** `status` at this size has a target in milliseconds; elsewhere it is shown. */
const STATUS_SIZE = 20_000;
const STATUS_MS = 300;
/** All of them have one at this size. */
const LARGE_SIZE = 100_000;
const LARGE_MS = 500;

export async function measureReading({ place, base, count }) {
  const url = copyRemote(base, join(place, `read-${count}.git`));
  const clone = join(place, `read-${count}`);
  spawnSync('git', ['clone', '--quiet', url, clone]);
  const home = makeHome(place, `read-home-${count}`);
  const ours = (...words) =>
    run(process.execPath, [BIN, ...words, '-C', clone, '--state', home.state], {
      ...home.env,
      NO_COLOR: '1',
    });
  await ours('status'); // the first command reads everything and leaves a checkpoint
  const path = git(url, [
    'ls-tree',
    '-r',
    '--name-only',
    'refs/heads/main',
    'data/channels/general/',
  ])
    .split('\n')
    .find((name) => !name.includes('.re.'));
  const raw = (...words) => run('git', ['-C', clone, ...words]);
  const id = path.slice(path.indexOf('Z-') + 2, -'.md'.length);
  const row = async (
    name,
    { floor, act, limitMs = null, rounds = count > STATUS_SIZE ? 3 : 5 },
  ) => {
    const time = await alternate(rounds, { floor, ours: act });
    const limit = count === LARGE_SIZE ? LARGE_MS : limitMs;
    return limit === null
      ? { row: name, unit: 'ms', ...time, target: '', ok: true }
      : { row: name, unit: 'ms', ...time, target: `≤ ${limit} ms`, ok: time.ours <= limit };
  };
  return [
    await row('status', {
      floor: () => raw('--no-optional-locks', 'status', '--porcelain', '--', 'data/channels'),
      act: () => ours('status'),
      limitMs: count === STATUS_SIZE ? STATUS_MS : null,
      rounds: 7,
    }),
    await row('log general', {
      floor: () => raw('log', '-n', '20', '--', 'data/channels/general'),
      act: () => ours('log', 'general'),
    }),
    await row('thread', {
      floor: () => raw('log', '-n', '1', '--', path),
      act: () => ours('thread', id),
    }),
    await row('search', {
      floor: () => raw('grep', '-l', '-F', 'Question 77:', 'HEAD', '--', 'data/channels'),
      act: () => ours('search', 'Question 77:'),
    }),
  ];
}

function run(program, args, env = process.env) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
    let said = '';
    child.stderr.on('data', (chunk) => (said += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 || code === 3
        ? resolve()
        : reject(new Error(`${args.slice(0, 4).join(' ')}: ${code}: ${said}`)),
    );
  });
}
