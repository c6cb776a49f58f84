// Eight hosts for some minutes against a remote that takes six pushes a minute and eight reads a
// second: every message is answered, and no call is refused.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startSsh } from '../bench/ssh-server.mjs';
import { mostOf, readCalls } from './gate.mjs';
import { makeStage } from './stage.mjs';

const SERVER = fileURLToPath(new URL('../bench/http-server.mjs', import.meta.url));
const GATE = fileURLToPath(new URL('gate.mjs', import.meta.url));
const HOSTS = Array.from({ length: 8 }, (_, n) => `h${n}`);
const MESSAGES = 12;
const APART_MS = 15_000;
const LIMIT_MS = 300_000;

/** What went wrong, over http and, where there is a server, over ssh. */
export async function runLimited() {
  return [...(await run('http', serveHttp)), ...(await run('ssh', serveSsh))];
}

async function run(name, serve) {
  const stage = makeStage({ isCalm: true });
  const log = `${stage.place}/calls`;
  const hosts = [];
  const remote = await serve(stage, log);
  try {
    if (remote === null) return [];
    stage.say({ 'data/transport.yaml': 'pace: hosted\n' });
    hosts.push(...HOSTS.map((alias) => stage.start(alias, remote)));
    const answers = await talk(stage);
    const lost = await untilAnswered(stage, answers);
    const calls = readCalls(log);
    const refused = calls.filter(({ isRefused }) => isRefused).length;
    console.log(
      `limited, over ${name}: ${answers.length - lost.length} of ${answers.length} answered; ${calls.length} calls, at most ${mostOf(calls, 'push')} pushes in a minute and ${mostOf(calls, 'read')} reads in a second; ${refused} refused`,
    );
    return [
      ...(refused > 0 ? [`limited, over ${name}: ${refused} calls refused`] : []),
      ...lost.map((path) => `limited, over ${name}: no ${path}`),
    ];
  } finally {
    for (const { child } of hosts) child.kill('SIGTERM');
    await Promise.all(hosts.map(({ ended }) => ended));
    remote?.child.kill();
    stage.close();
  }
}

async function serveHttp(stage, log) {
  const child = spawn(process.execPath, [SERVER, stage.place, log], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [port] = await once(child.stdout, 'data');
  return {
    child,
    url: `http://127.0.0.1:${String(port).trim()}/team.git`,
    env: { CROSSTALK_ALLOW_HTTP: 'true' },
  };
}

async function serveSsh(stage, log) {
  const ssh = await startSsh(stage.place, `${process.execPath} ${GATE} ${log}`);
  if (ssh === null) return null;
  const url = `${ssh.url}${stage.place}/team.git`;
  return { child: ssh.child, url, env: { GIT_SSH_COMMAND: ssh.command } };
}

/** People write some messages at once, and one after the other. */
async function talk(stage) {
  const paths = Array.from({ length: MESSAGES }, (_, n) => `data/channels/general/m${n}.md`);
  const text = '---\nto: echo\n---\nhello\n';
  stage.say(Object.fromEntries(paths.slice(0, 3).map((path) => [path, text])));
  for (const path of paths.slice(3)) {
    await rest(APART_MS);
    stage.say({ [path]: text });
  }
  return paths.map((path) => path.replace(/\.md$/, '.re.echo.md'));
}

async function untilAnswered(stage, answers) {
  for (const untilMs = performance.now() + LIMIT_MS; ; await rest(1_000)) {
    stage.git('fetch', '-q');
    const standing = new Set(stage.git('ls-tree', '-r', '--name-only', 'origin/main').split('\n'));
    const lost = answers.filter((path) => !standing.has(path));
    if (lost.length === 0 || performance.now() > untilMs) return lost;
  }
}

function rest(ms) {
  return new Promise((done) => setTimeout(done, ms));
}
