// Real dispatchers under real faults: processes killed and stopped at random, a remote that refuses
// and forgets to answer, fetches that fail. Prints one table; exit 1 when anything was lost,
// doubled or left behind.
//   node scripts/soak.mjs [--hosts 6] [--messages 400] [--seconds 180] [--seed N] [--simulation
//   50000] [--limited]
// `--limited` ends with some minutes of three hosts on a remote that takes few calls.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { runLimited } from './soak/limited.mjs';
import { makeStage } from './soak/stage.mjs';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '6' },
    messages: { type: 'string', default: '400' },
    seconds: { type: 'string', default: '180' },
    seed: { type: 'string', default: String(process.pid) },
    simulation: { type: 'string', default: '0' },
    limited: { type: 'boolean', default: false },
  },
});
const { limited, ...numbers } = values;
const options = Object.fromEntries(
  Object.entries(numbers).map(([key, value]) => [key, Number(value)]),
);
const GENERAL = 'data/channels/general';
const WORKFLOWS = 3;
const BATCH = 20;

const random = createRandom(options.seed);
const counts = { killed: 0, stopped: 0 };
const problems = await soak();
if (limited) problems.push(...(await runLimited()));
if (options.simulation > 0) problems.push(...simulate(options.simulation));
for (const problem of problems) console.log(`  ${problem}`);
process.exit(problems.length === 0 ? 0 : 1);

async function soak() {
  console.log(
    `soak: ${options.hosts} hosts, ${options.messages} messages, ${WORKFLOWS} workflows; --seed ${options.seed}`,
  );
  const stage = makeStage();
  const hosts = Array.from({ length: options.hosts }, (_, index) => stage.start(`h${index}`));
  const startedMs = performance.now();
  const deadlineMs = startedMs + options.seconds * 1_000;
  try {
    const expected = [];
    const chaos = makeTrouble(stage, hosts, { untilMs: startedMs + options.seconds * 400 });
    for (let at = 0; at < options.messages; at += BATCH) {
      expected.push(...sendBatch(stage, at));
      await rest(200 + 600 * random());
    }
    expected.push(...sendWorkflows(stage));
    await chaos;
    const lost = await untilAnswered(stage, expected, deadlineMs);
    const claims = lost.length > 0 ? '?' : await untilNoClaims(stage, deadlineMs);
    const stuck = await endHosts(hosts);
    return report(stage, {
      expected,
      lost,
      claims,
      stuck,
      seconds: (performance.now() - startedMs) / 1_000,
    });
  } finally {
    for (const { child } of hosts) child.kill('SIGKILL');
    for (const pid of stage.left()) kill(Number(pid));
    stage.close();
  }
}

function sendBatch(stage, first) {
  const numbers = Array.from(
    { length: Math.min(BATCH, options.messages - first) },
    (_, index) => first + index,
  );
  const messages = numbers.map((number) => ({
    path: `${GENERAL}/m${number}.md`,
    to: number % 5 === 0 ? 'once' : 'echo',
  }));
  stage.say(
    Object.fromEntries(messages.map(({ path, to }) => [path, `---\nto: ${to}\n---\n${path}\n`])),
  );
  return messages.map(({ path, to }) => `${path.slice(0, -3)}.re.${to}.md`);
}

function sendWorkflows(stage) {
  const steps =
    'steps:\n  make: { prompt: make it, model: echo, count: 3 }\n  end: { needs: [make], prompt: end it, model: echo }';
  const markers = Array.from({ length: WORKFLOWS }, (_, index) => `${GENERAL}/w${index}.md`);
  stage.say(
    Object.fromEntries(
      markers.map((path) => [path, `---\nto: workflow\ntype: workflow\n${steps}\n---\nrun\n`]),
    ),
  );
  return markers.map((path) => `${path.slice(0, -3)}.re.workflow.md`);
}

/** Kills and stops hosts at random, and starts the killed ones again. */
async function makeTrouble(stage, hosts, { untilMs }) {
  while (performance.now() < untilMs) {
    await rest(500 + 1_500 * random());
    const index = Math.floor(random() * hosts.length);
    const { child, alias, ended } = hosts[index];
    if (random() < 0.6) {
      counts.killed += 1;
      child.kill('SIGKILL');
      await ended;
      hosts[index] = stage.start(alias);
    } else {
      counts.stopped += 1;
      child.kill('SIGSTOP');
      // Sometimes past the lease of six seconds.
      await rest(1_000 + 8_000 * random());
      child.kill('SIGCONT');
    }
  }
}

async function untilAnswered(stage, expected, deadlineMs) {
  for (;;) {
    const standing = new Set(
      stage.git('ls-tree', '-r', '--name-only', remoteTip(stage)).split('\n'),
    );
    const lost = expected.filter((path) => !standing.has(path));
    if (lost.length === 0 || performance.now() > deadlineMs) return lost;
    await rest(500);
  }
}

function remoteTip(stage) {
  for (;;) {
    try {
      stage.git('fetch', '-q');
      return 'origin/main';
    } catch {
      // The remote answers the next time.
    }
  }
}

async function untilNoClaims(stage, deadlineMs) {
  for (;;) {
    const claims = stage
      .git('ls-remote', 'origin', 'refs/crosstalk/claims/*')
      .split('\n')
      .filter(Boolean).length;
    if (claims === 0 || performance.now() > deadlineMs) return claims;
    await rest(300);
  }
}

/** TERM to all; who is not gone in time is counted. */
async function endHosts(hosts) {
  for (const { child } of hosts) child.kill('SIGTERM');
  const ends = await Promise.all(
    hosts.map(({ ended }) => Promise.race([ended, rest(20_000).then(() => 'stuck')])),
  );
  return ends.filter((end) => end === 'stuck').length;
}

function report(stage, { expected, lost, claims, stuck, seconds }) {
  stage.calm();
  const starts = stage.starts();
  const external = starts.filter((line) => line.startsWith('once '));
  const twice = external.length - new Set(external).size;
  const replies = stage
    .git(
      'log',
      '--first-parent',
      '--diff-filter=A',
      '--no-renames',
      '--name-only',
      '--format=',
      'origin/main',
    )
    .split('\n')
    .filter((path) => path.includes('.re.'));
  const rows = {
    answered: `${expected.length - lost.length} of ${expected.length}`,
    lost: lost.length,
    duplicates: replies.length - new Set(replies).size,
    'external started twice': twice,
    'agent starts': starts.length,
    'killed -9 / stopped': `${counts.killed} / ${counts.stopped}`,
    'claims left': claims,
    'hosts that did not end': stuck,
    'processes left': stage.left().length,
    fsck: tell(() =>
      stage.git(
        '-C',
        join(stage.place, 'team.git'),
        'fsck',
        '--strict',
        '--no-dangling',
        '--no-progress',
      ),
    ),
    verify: tell(() => stage.run('verify')),
    seconds: seconds.toFixed(0),
  };
  for (const [name, value] of Object.entries(rows))
    console.log(`| ${name.padEnd(24)} | ${String(value).padEnd(24)} |`);
  const zero = [
    'lost',
    'duplicates',
    'external started twice',
    'claims left',
    'hosts that did not end',
    'processes left',
  ];
  return [
    ...zero.filter((name) => rows[name] !== 0).map((name) => `${name}: ${rows[name]}`),
    ...['fsck', 'verify']
      .filter((name) => rows[name] !== 'clean')
      .map((name) => `${name}: ${rows[name]}`),
    ...lost.slice(0, 10).map((path) => `no ${path}`),
  ];
}

function tell(check) {
  try {
    check();
    return 'clean';
  } catch (error) {
    return `${error.stdout ?? ''}${error.stderr ?? error.message}`.slice(0, 400);
  }
}

function simulate(seeds) {
  console.log(`simulation: ${seeds} seeds`);
  const files = ['simulation', 'dispatcher/fail-the-nth.test.ts', 'cli/printed-commands.test.ts'];
  const env = { SEEDS: String(seeds), FAIL_NTH: 'all', PRINTED: 'all' };
  return vitest([...files.map((file) => `tests/${file}`), '--testTimeout=7200000'], env)
    ? []
    : ['the simulation found a violation'];
}

function vitest(args, env) {
  const root = fileURLToPath(new URL('..', import.meta.url));
  const program = join(root, 'node_modules', '.bin', 'vitest');
  if (!existsSync(program)) {
    console.log('needs the development dependencies');
    return false;
  }
  return (
    spawnSync(program, ['run', ...args], {
      cwd: root,
      env: { ...process.env, ...env },
      stdio: 'inherit',
    }).status === 0
  );
}

function kill(pid) {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // Gone already.
  }
}

function rest(ms) {
  return new Promise((done) => setTimeout(done, ms));
}

/** mulberry32: the same seed gives the same troubles. */
function createRandom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
