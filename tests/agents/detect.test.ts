import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { systemClock } from '../../src/base/clock.ts';
import { ADAPTERS } from '../../src/agents/adapters.ts';
import { detectAgents, type NamedProgram } from '../../src/agents/detect.ts';
import { useAttempts } from '../support/agents/attempts.ts';

const { makeDirectory } = useAttempts();
const SYSTEM_PATH = process.env['PATH'] ?? '';

function put(path: string, script: string, mode = 0o755): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, mode);
}

/** A host with nothing but what the test puts there. */
function makeHost(env: Record<string, string> = {}) {
  const home = makeDirectory();
  const bin = join(home, 'on-path');
  const detect = (adapters = ADAPTERS, named: readonly NamedProgram[] = []) =>
    detectAgents({
      adapters,
      operatorEnv: { HOME: home, PATH: bin, ...env },
      clock: systemClock,
      limitMs: 30_000,
      named,
      extraDirectories: [join(home, '.local/bin')],
    });
  return { home, bin, detect };
}

test('nothing is found where nothing is', async () => {
  const { bin, detect } = makeHost();
  put(join(bin, 'claude'), 'echo 1.0.0', 0o644);
  mkdirSync(join(bin, 'codex'));
  expect(await detect()).toEqual([]);
});

test('a program on the PATH is found with its version, and a login with its file', async () => {
  const { home, bin, detect } = makeHost();
  put(join(bin, 'claude'), 'echo "2.1.329 (Claude Code)"');
  put(join(bin, 'codex'), 'echo "warning: 1 x" >&2; echo "codex-cli 0.169.0-alpha.1"');
  put(join(home, '.claude/.credentials.json'), '');
  const signedOut = process.platform === 'darwin' ? 'unknown' : 'no';
  expect(await detect()).toEqual([
    {
      adapter: 'claude',
      path: join(bin, 'claude'),
      onPath: true,
      version: '2.1.329',
      answered: true,
      signedIn: 'yes',
      login: true,
      env: [],
      advice: null,
    },
    {
      adapter: 'codex',
      path: join(bin, 'codex'),
      onPath: true,
      version: '0.169.0-alpha.1',
      answered: true,
      signedIn: signedOut,
      login: false,
      env: [],
      advice: 'run "codex login", or set CODEX_API_KEY',
    },
  ]);
});

test('a key in the environment is a login, and its name is told for the entry', async () => {
  const { bin, detect } = makeHost({ GEMINI_API_KEY: 'k', GOOGLE_API_KEY: '' });
  put(join(bin, 'gemini'), 'echo 0.61.0');
  expect(await detect()).toMatchObject([
    { adapter: 'gemini', signedIn: 'yes', env: ['GEMINI_API_KEY'], advice: null },
  ]);
});

test('a program beside the PATH is found, and finds what was installed beside it', async () => {
  const { home, detect } = makeHost();
  const beside = join(home, '.local/bin');
  put(join(beside, 'my-node'), 'echo 1.18.33');
  put(join(beside, 'opencode'), 'exec my-node');
  expect(await detect()).toMatchObject([
    { adapter: 'opencode', path: join(beside, 'opencode'), onPath: false, version: '1.18.33' },
  ]);
});

test('a program that an entry names by its path is asked there, once, beside the one on the PATH', async () => {
  const { home, bin, detect } = makeHost();
  const own = join(home, 'own/codex');
  put(join(bin, 'codex'), 'echo codex-cli 1.0');
  put(own, 'echo codex-cli 2.0');
  const named = [own, own, join(home, 'nowhere/codex')].map((path) => ({ adapter: 'codex', path }));
  expect(await detect(ADAPTERS, named)).toMatchObject([
    { path: join(bin, 'codex'), version: '1.0' },
    { path: own, onPath: true, version: '2.0' },
  ]);
});

test('a program that does not answer in time is there, and is told apart from one that says nothing', async () => {
  const { home, bin } = makeHost();
  put(join(bin, 'claude'), 'while :; do :; done');
  put(join(bin, 'codex'), ':');
  const found = await detectAgents({
    adapters: ADAPTERS,
    operatorEnv: { HOME: home, PATH: bin },
    clock: systemClock,
    limitMs: 500,
  });
  const [silent, empty] = found.filter(({ path }) => path.startsWith(bin));
  expect([silent, empty]).toMatchObject([
    { adapter: 'claude', version: null, answered: false },
    { adapter: 'codex', version: null },
  ]);
});

test('another program of the same name is not taken for it', async () => {
  const { bin, detect } = makeHost();
  put(join(bin, 'copilot'), 'echo "copilot version: v1.34.0"');
  expect(await detect()).toEqual([]);
});

test('a program that fails or hangs when it is asked is there all the same, and a silent one has no version', async () => {
  const { bin, detect } = makeHost({ PATH_OF_TEST: SYSTEM_PATH });
  put(join(bin, 'droid'), 'exit 3');
  put(join(bin, 'codex'), 'echo 0.0.1790142911-gabc; kill -9 $$');
  expect(await detect()).toMatchObject([
    { adapter: 'codex', version: '0.0.1790142911-gabc' },
    { adapter: 'droid', version: null },
  ]);
});
