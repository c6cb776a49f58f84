// What is recorded: a transport with two hosts and three stand-ins for agents, in the middle of a
// review. Everything else is the program as it is.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BIN = fileURLToPath(new URL('../../bin/crosstalkd.js', import.meta.url));
const LIMIT_MS = 90_000;

/** What each stand-in says: seconds it takes, lines that it prints on the way, its answer. */
const AGENTS = {
  opus: {
    seconds: 3,
    work: ['Reading src/lease.ts', 'Reading tests/lease.test.ts'],
    answer:
      'Yes. A sleeping laptop stops its own agent first:\n\n* the lease counts **connected** time, so nobody takes over too early;\n* the reply is pushed together with the deletion of its claim, so a late one is refused.\n',
  },
  gpt: {
    seconds: 4,
    work: ['Looking for callers of renew()'],
    answer: 'Safe, with one doubt: `renew()` has no test for a clock that was set back.\n',
  },
  gemini: {
    seconds: 400,
    work: ['Reading PROTOCOL.md', 'Reading src/lease.ts', 'Comparing them', 'Writing an example'],
    answer: 'I found no counterexample.\n',
  },
};

const REVIEW = `---
name: review
inputs: { change: { type: string, required: true } }
steps:
  read: { models: [opus, gpt], join: all }
  merge: { needs: [read], model: opus }
  ship: { needs: [merge], ask: { title: "Merge the change?" } }
  notes: { needs: [merge, ship], model: gpt }
---

## read

Review this change: \${{ inputs.change }}

## merge

Make one review of these: \${{ steps.read.text }}

## notes

Write the release note for: \${{ steps.merge.text }}
`;

/** Makes the transport. Everything is removed by `close`. */
export async function openScene() {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-picture-'));
  const team = join(place, 'team');
  const children = [];
  const env = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
    HOME: place,
    CROSSTALK_CONFIG_DIR: join(place, 'config'),
    CROSSTALK_STATE_DIR: join(place, 'state'),
    GIT_CONFIG_GLOBAL: join(place, 'gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
  };
  writeFileSync(
    join(place, 'gitconfig'),
    '[user]\n\tname = Ada\n\temail = ada@example.com\n[init]\n\tdefaultBranch = main\n',
  );
  const scene = {
    place,
    team,
    env,
    bin: BIN,
    /** Runs a command of crosstalkd in the clone; gives what it printed. */
    say: (...args) => {
      const { status, stdout, stderr } = spawnSync(process.execPath, [BIN, ...args], {
        cwd: team,
        env,
        encoding: 'utf8',
      });
      if (status !== 0) throw new Error(`crosstalkd ${args.join(' ')}: ${stdout}${stderr}`);
      return stdout;
    },
    /** Starts one that continues, with its first line. */
    start: async (args, cwd = team) => {
      const child = spawn(process.execPath, [BIN, ...args], {
        cwd,
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(child);
      return new Promise((resolve) => child.stdout.setEncoding('utf8').once('data', resolve));
    },
    until: async (done, what) => {
      const end = Date.now() + LIMIT_MS;
      while (!(await done())) {
        if (Date.now() > end) throw new Error(`it did not come: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 300));
      }
    },
    close: async () => {
      await Promise.all(children.map((child) => ended(child)));
      rmSync(place, { recursive: true, force: true });
    },
  };
  mkdirSync(team);
  spawnSync('git', ['init', '-q', '--bare', `${team}.git`], { env });
  rmSync(team, { recursive: true });
  const { status, stderr } = spawnSync(
    process.execPath,
    [BIN, 'init', team, '--remote', `${team}.git`, '--alias', 'laptop'],
    { cwd: place, env, encoding: 'utf8' },
  );
  if (status !== 0) throw new Error(stderr);
  writeModels(scene);
  return scene;
}

/** Two hosts' worth of conversation; ends with a run at its gate and work under way. */
export async function play(scene) {
  await scene.start([
    'run',
    `${scene.team}.git`,
    '--alias',
    'server',
    '--state',
    join(scene.place, 'server'),
    '--interval',
    '0.5',
    '--only',
    'opus,gpt',
  ]);
  scene.say(
    'send',
    '--to',
    'opus,gpt',
    '--subject',
    'Is the lease safe?',
    '-m',
    'Is the lease safe when a laptop sleeps in the middle of an answer?',
    '--wait',
    '60',
  );
  scene.say(
    'send',
    '--channel',
    'research',
    '--to',
    'gpt',
    '-m',
    'What is new about git as a message bus?',
    '--wait',
    '60',
  );
  const started = scene.say('workflow', 'run', 'review', '-i', 'change=Renew the lease', '--json');
  const { run } = JSON.parse(started);
  await scene.until(
    () => scene.say('workflow', 'why', run).includes('Merge the change?'),
    'the gate',
  );
  return { run };
}

function writeModels({ place, team, env }) {
  const agents = join(place, 'agents');
  mkdirSync(agents);
  const entries = Object.entries(AGENTS).map(([name, { seconds, work, answer }]) => {
    const path = join(agents, `${name}.mjs`);
    writeFileSync(
      path,
      `const work = ${JSON.stringify(work)};\nconst rest = (ms) => new Promise((done) => setTimeout(done, ms));\nfor (const line of work) { console.error(line); await rest(1000); }\nawait rest(${(seconds - work.length) * 1000});\nconsole.log(${JSON.stringify(answer)});\n`,
    );
    return `  ${name}: { adapter: command, command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(path)}], effects: none, concurrency: 2 }\n`;
  });
  mkdirSync(env.CROSSTALK_CONFIG_DIR, { recursive: true, mode: 0o700 });
  writeFileSync(join(env.CROSSTALK_CONFIG_DIR, 'models.yaml'), `models:\n${entries.join('')}`, {
    mode: 0o600,
  });
  writeFileSync(
    join(team, 'data/models.yaml'),
    `models:\n${Object.keys(AGENTS)
      .map((name) => `  ${name}: { adapter: command, command: [${name}] }\n`)
      .join('')}`,
  );
  mkdirSync(join(team, 'data/workflows'), { recursive: true });
  writeFileSync(join(team, 'data/workflows/review.md'), REVIEW);
  for (const args of [
    ['add', '-A'],
    ['commit', '-qm', 'Three models and a review'],
    ['push', '-q'],
  ])
    spawnSync('git', args, { cwd: team, env, stdio: 'inherit' });
}

function ended(child) {
  return new Promise((resolve) => {
    if (child.exitCode !== null) return resolve();
    child.once('exit', resolve);
    child.kill('SIGTERM');
  });
}
