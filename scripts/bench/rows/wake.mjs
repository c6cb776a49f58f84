// Rows of waking up: from the moment the branch has moved on the remote to the line of a resting
// dispatcher that says it holds the claim, by source.
import { execFile, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { makeHome } from '../host.mjs';
import { median, times } from '../measure.mjs';
import { ask } from '../person.mjs';
import { copyRemote, git } from '../repository.mjs';

const BIN = fileURLToPath(new URL('../../../bin/crosstalkd.js', import.meta.url));
const HOOK = fileURLToPath(new URL('../../../template/hooks/post-receive', import.meta.url));
const SECRET = 'a secret for the bench';
const ROUNDS = 7;
const LIMIT_MS = 30_000;
/** Its own pace never comes into it. */
const RESTING = {
  CROSSTALK_INTERVAL: '1h',
  CROSSTALK_WATCH: 'false',
  CROSSTALK_LEASE: '12h',
  CROSSTALK_WAKE_SECRET: SECRET,
};
const run = promisify(execFile);

/** One row for each source, and one of the pace of a host that was busy a moment ago. */
export async function measureWakes({ place, base }) {
  const at = (name) => ({
    place: join(place, `wake-${name}`),
    url: copyRemote(base, join(place, `wake-${name}.git`)),
  });
  return [
    await row('its own pace, busy (0.5 s)', at('pace'), {
      settings: { CROSSTALK_INTERVAL: '500ms' },
      push: ({ url }) => void ask(url),
    }),
    await row('the watched remote', at('watch'), {
      settings: { CROSSTALK_WATCH: 'true' },
      push: ({ url }) => void ask(url),
    }),
    await row('send on the same host', at('send'), {
      push: ({ url, home }) => send(url, home, 'echo'),
    }),
    await row('a signed webhook', at('webhook'), {
      args: ['--listen', '0'],
      push: ({ url, where }) => (ask(url), call(where)),
    }),
    await row('the post-receive hook', at('hook'), {
      args: ['--listen', '0'],
      prepare: installHook,
      push: pushAsPerson,
    }),
    await pokeRow(at('poke')),
  ];
}

async function row(
  name,
  { place, url },
  { settings = {}, args = [], prepare = () => undefined, push },
) {
  const host = await startHost({ place, alias: 'ours', url, args, settings });
  try {
    prepare({ url, place, where: host.where });
    return await sample(name, {
      url,
      claims: host,
      push: () => push({ url, place, home: host.home, where: host.where }),
    });
  } finally {
    await host.close();
  }
}

async function pokeRow({ place, url }) {
  const port = 20_000 + (process.pid % 20_000);
  const [listens, peers] = [
    { CROSSTALK_WAKE_ADDRESS: `127.0.0.1:${port}` },
    { CROSSTALK_WAKE_PEERS: '127.0.0.1' },
  ];
  const called = await startHost({
    place,
    alias: 'called',
    url,
    args: ['--listen', String(port)],
    settings: listens,
  });
  const caller = await startHost({ place, alias: 'caller', url, args: [], settings: peers });
  try {
    return await sample('a call of another host', {
      url,
      claims: called,
      push: () => send(url, caller.home, 'echo@called'),
    });
  } finally {
    await Promise.all([called.close(), caller.close()]);
  }
}

async function sample(name, { url, claims, push }) {
  const readings = [];
  for (let round = 0; round < times(ROUNDS); round += 1) {
    const claimed = claims.next('message.claimed');
    const done = claims.next('reply.published');
    await push();
    const movedMs = statSync(join(url, 'refs/heads/main')).mtimeMs;
    readings.push(Date.parse((await claimed).at) - movedMs);
    await done;
    // What the reply itself stirs up is over, so that the next round meets a host at rest.
    if (round + 1 < times(ROUNDS)) await new Promise((rest) => setTimeout(rest, 1_500));
  }
  const ours = median(readings);
  return {
    row: `push → claimed: ${name}`,
    unit: 'ms',
    ours,
    target: '≤ 1,000 ms',
    ok: ours <= 1_000,
    detail: { readings },
  };
}

async function startHost({ place, alias, url, args, settings }) {
  const home = makeHome(place, alias);
  const env = { ...home.env, ...RESTING, CROSSTALK_ALIAS: alias, ...settings };
  const child = spawn(process.execPath, [BIN, 'run', url, '--state', home.state, ...args], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const waiting = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const event = JSON.parse(line);
    for (const one of waiting.filter(({ name }) => name === event.event)) {
      waiting.splice(waiting.indexOf(one), 1);
      one.done(event);
    }
  });
  const next = (name) =>
    new Promise((done, fail) => {
      const timer = setTimeout(
        () => fail(new Error(`${alias}: no ${name} in ${LIMIT_MS} ms`)),
        LIMIT_MS,
      );
      waiting.push({ name, done: (event) => (clearTimeout(timer), done(event)) });
    });
  const listening = args.includes('--listen') ? next('wake.listening') : null;
  await next('models.loaded');
  const where = (await listening)?.where ?? null;
  const close = () => new Promise((ended) => (child.once('exit', ended), child.kill('SIGTERM')));
  return { home: { ...home, env }, where, next, close };
}

function send(url, { env, state }, to) {
  return run(
    process.execPath,
    [
      BIN,
      'send',
      '-C',
      url,
      '--state',
      state,
      '--to',
      to,
      '--from',
      'maintainer',
      '-m',
      'What does it cost?',
    ],
    {
      env,
    },
  );
}

function call(where) {
  return new Promise((done, fail) => {
    const headers = { 'x-gitlab-token': SECRET };
    const sent = request(
      `http://${where}/wake`,
      { method: 'POST', headers, agent: false },
      (response) => done(response.resume()),
    );
    sent.on('error', fail);
    sent.end('{}');
  });
}

function installHook({ url, place, where }) {
  mkdirSync(join(url, 'hooks'), { recursive: true });
  copyFileSync(HOOK, join(url, 'hooks/post-receive'));
  writeFileSync(join(place, 'secret'), SECRET, { mode: 0o600 });
  git(url, ['config', '--add', 'crosstalk.wake', where]);
  git(url, ['config', 'crosstalk.wakeSecretFile', join(place, 'secret')]);
}

/** By a real push, because only that runs hooks: the commit is made in a copy. */
async function pushAsPerson({ url, place }) {
  const copy = join(place, `person-${Date.now()}.git`);
  copyRemote(url, copy);
  ask(copy);
  await run('git', [`--git-dir=${copy}`, 'push', '--quiet', url, 'main']);
}
