// `npm run demo`: the main job on the spot, in a temporary directory: a transport, two hosts, an
// embedded agent, messages, a workflow, `git log`.
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = join(root, 'bin', 'crosstalkd.js');
const place = mkdtempSync(join(tmpdir(), 'crosstalk-demo-'));
const team = join(place, 'team');
const env = {
  // Anyone who runs this: git's own variables of theirs stay out of the demo.
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('GIT_'))),
  CROSSTALK_CONFIG_DIR: join(place, 'config'),
  GIT_CONFIG_GLOBAL: join(place, 'gitconfig'),
  GIT_CONFIG_NOSYSTEM: '1',
  NO_COLOR: '1',
};
writeFileSync(
  join(place, 'gitconfig'),
  '[user]\n\tname = Maintainer\n\temail = maintainer@example.com\n',
);
const hosts = [];

try {
  say('Make a transport, with a bare repository beside it as its remote');
  await crosstalkd(['init', team, '--alias', 'laptop', '--state', state('laptop')]);
  writeModels();

  say('Two hosts begin to watch it: laptop and server');
  hosts.push(startHost('laptop'), startHost('server'));
  await Promise.all(hosts.map(({ up }) => up));

  say('Ask by hand: a markdown file, committed and pushed with plain git');
  const hello = 'data/channels/general/hello.md';
  writeFileSync(join(team, hello), '---\nto: [poet, critic]\n---\nWhat is git?\n');
  show(`cat ${hello}`, readFileSync(join(team, hello), 'utf8'));
  git('add', '-A');
  git('commit', '-qm', 'Ask what git is');
  git('push', '-q');
  await settled('hello');

  say('Ask with the command line, and wait for the answer');
  await crosstalkd([
    'send',
    '-C',
    team,
    '--to',
    'poet',
    '--from',
    'maintainer',
    '--wait',
    '30',
    '-m',
    'And what is a dispatcher?',
    '--state',
    state('laptop'),
  ]);

  say('Longer work is a workflow: two agents draft, one sums up, the answer comes back');
  const marker = 'data/channels/general/compare.md';
  writeFileSync(join(team, marker), WORKFLOW());
  show(`cat ${marker}`, readFileSync(join(team, marker), 'utf8'));
  git('pull', '-q');
  git('add', '-A');
  git('commit', '-qm', 'Compare two drafts');
  git('push', '-q');
  await settled('compare');

  say('What was said, by plain git');
  git('pull', '-q');
  const format = '%h %<(12,trunc)%an %s';
  show(
    `git log --reverse --format='${format}'`,
    spawnSync('git', ['log', '--reverse', `--format=${format}`], {
      cwd: team,
      env,
      encoding: 'utf8',
    }).stdout,
  );
  show(
    'the answer to the workflow',
    readFileSync(join(team, 'data/channels/general/compare.re.workflow.md'), 'utf8'),
  );
  await crosstalkd(['workflow', 'show', 'compare', '-C', team, '--state', state('laptop')]);
  await crosstalkd(['status', '-C', team, '--state', state('laptop')]);
} finally {
  await Promise.all(hosts.map((host) => host.end()));
  rmSync(place, { recursive: true, force: true });
}
console.log(
  '\nThat was crosstalkd. Your own: crosstalkd init <dir>, then crosstalkd run <dir> on every machine.',
);

function WORKFLOW() {
  return `---
to: workflow
type: workflow
name: compare
steps:
  draft: { models: [poet, critic], prompt: "Say in one line why people like git.", join: all }
  verdict: { needs: [draft], model: critic, prompt: "Which line is better?\\n\${{ steps.draft.text }}" }
---
Two drafts and a verdict.
`;
}

/**
 * Embedded agents: tiny programs that read a prompt and answer, so that the demo needs no account.
 */
function writeModels() {
  const agents = join(place, 'agents');
  mkdirSync(agents);
  const agent = (name, code) => {
    writeFileSync(
      join(agents, `${name}.mjs`),
      `let text = '';\nfor await (const chunk of process.stdin) text += chunk;\nconst asked = text.split('## The message').pop().trim().split('\\n').filter((line) => line !== '' && !/^(Text between |<\\/?data-)/.test(line));\n${code}\n`,
    );
    return `  ${name}: { adapter: command, command: [${JSON.stringify(process.execPath)}, ${JSON.stringify(join(agents, `${name}.mjs`))}], effects: none, concurrency: 2 }\n`;
  };
  const poet = agent(
    'poet',
    "console.log('You ask: ' + asked[0]);\nconsole.log('A tree of snapshots, quietly kept; a letter that nobody can unsend.');",
  );
  const critic = agent(
    'critic',
    "console.log('On \"' + asked[0] + '\": plain, durable, and everywhere already. I have no objection.');",
  );
  mkdirSync(env.CROSSTALK_CONFIG_DIR, { recursive: true, mode: 0o700 });
  writeFileSync(join(env.CROSSTALK_CONFIG_DIR, 'models.yaml'), `models:\n${poet}${critic}`, {
    mode: 0o600,
  });
  const models = join(team, 'data/models.yaml');
  writeFileSync(
    models,
    `${readFileSync(models, 'utf8')}  poet: { adapter: command, command: [poet] }\n  critic: { adapter: command, command: [critic] }\n`,
  );
  git('add', '-A');
  git('commit', '-qm', 'Two models: a poet and a critic');
  git('push', '-q');
}

function startHost(alias) {
  const child = spawn(
    process.execPath,
    [bin, 'run', `${team}.git`, '--alias', alias, '--interval', '0.5', '--state', state(alias)],
    {
      env,
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let rest = '';
  const ended = new Promise((resolve) => child.on('exit', resolve));
  const up = new Promise((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      for (const line of lines) tell(alias, line);
      if (lines.some((line) => line.includes('"dispatcher.started"'))) resolve();
    });
    void ended.then(resolve);
  });
  return {
    up,
    end: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}

function tell(alias, line) {
  const { event, message, model, how } = JSON.parse(line);
  const wanted = {
    'dispatcher.started': 'watches',
    'message.claimed': 'claims',
    'attempt.ended': how,
    'reply.published': 'publishes the reply',
    'workflow.advanced': 'advances the workflow',
  };
  if (wanted[event] !== undefined)
    console.log(
      `    ${alias.padEnd(7)} ${wanted[event]}${message === undefined ? '' : `  ${[model, message.replace('data/channels/', '').replace(/\d{4}\/.*-/, '…')].filter(Boolean).join('  ')}`}`,
    );
}

/** Waits until every recipient of a message has answered, as a person would: by the command. */
async function settled(id) {
  const child = spawn(
    process.execPath,
    [bin, 'wait', id, '60', '-C', team, '--state', state('laptop')],
    {
      env,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  const code = await new Promise((resolve) => child.on('exit', resolve));
  if (code !== 0) throw new Error(`no answer to ${id} (exit code ${code})`);
}

async function crosstalkd(args) {
  console.log(
    `$ crosstalkd ${args
      .filter((word, at) => word !== '--state' && args[at - 1] !== '--state')
      .map((word) => (word.includes(' ') ? `"${word}"` : word))
      .join(' ')
      .replaceAll(place, '…')}`,
  );
  const child = spawn(process.execPath, [bin, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece) => (text += piece));
  const code = await new Promise((resolve) => child.on('close', resolve));
  console.log(indent(text.replaceAll(place, '…')));
  if (code !== 0) throw new Error(`crosstalkd ${args[0]} ended with ${code}`);
}

function git(...args) {
  const { status, stderr } = spawnSync('git', args, { cwd: team, env, encoding: 'utf8' });
  if (status !== 0) throw new Error(`git ${args.join(' ')}: ${stderr}`);
}

function state(alias) {
  return join(place, `state-${alias}`);
}

function say(text) {
  console.log(`\n== ${text}`);
}

function show(command, text) {
  console.log(`$ ${command}\n${indent(text)}`);
}

function indent(text) {
  return text
    .trimEnd()
    .split('\n')
    .map((line) => `    ${line}`)
    .join('\n');
}
