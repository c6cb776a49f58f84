/** Every `sh` block of README.md and GUIDE-CLI.md is run, in the order of its page, by one shell in a home of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { type Block, blocksOf, readPage, ROOT } from './page.ts';

const LIMIT_MS = 240_000;
/** Blocks that cannot be run are few, and stay so. */
const NORUN_MAX = 4;

describe.each(['README.md', 'GUIDE-CLI.md'])('%s', (path) => {
  const blocks = blocksOf(readPage(path)).filter(({ info }) => info.startsWith('sh'));
  const shell = openShell();
  afterAll(() => shell.close());
  it.each(blocks.filter(({ info }) => info === 'sh').map((block) => [`line ${block.line}: ${titleOf(block)}`, block] as const))(
    '%s',
    async (_title, block) => {
      const { code, output } = await shell.run(block.text);
      expect(code, output).toBe(0);
      expect(output).not.toMatch(/^(USAGE|INTERNAL|CONFIG_INVALID|MESSAGE_REJECTED): /m);
    },
    LIMIT_MS,
  );
  it('leaves few blocks out', () => {
    expect(blocks.filter(({ info }) => info === 'sh norun').length).toBeLessThanOrEqual(NORUN_MAX);
    expect(blocks.every(({ info }) => info === 'sh' || info === 'sh norun')).toBe(true);
  });
});

function titleOf({ text }: Block): string {
  return text.split('\n')[0] ?? '';
}

interface Shell {
  /** Runs commands in the shell as it stands; the first that fails ends it. */
  readonly run: (text: string) => Promise<{ readonly code: number; readonly output: string }>;
  readonly close: () => Promise<void>;
}

const END = 'END-OF-BLOCK';

/** A shell in a fresh home: git has a name and finds `git@example.com:` on the disk, `crosstalkd` is the built program, the editor writes by itself. */
function openShell(): Shell {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-docs-'));
  const [home, bin, remotes] = [join(place, 'home'), join(place, 'bin'), join(place, 'remotes')];
  for (const directory of [home, bin, remotes, join(place, 'tmp')]) mkdirSync(directory, { mode: 0o700 });
  writeFileSync(join(home, '.gitconfig'), gitConfig(remotes));
  writeScript(join(bin, 'crosstalkd'), `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(ROOT, 'bin/crosstalkd.js'))} "$@"`);
  // A new file becomes a message; a template gets one line more.
  writeScript(
    join(bin, 'write'),
    `[ -s "$1" ] || printf -- '---\\nto: echo\\n---\\n' > "$1"\nprintf 'Hello, is anybody there?\\n' >> "$1"`,
  );
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    TMPDIR: join(place, 'tmp'),
    GIT_CONFIG_NOSYSTEM: '1',
    EDITOR: join(bin, 'write'),
    NO_COLOR: '1',
  };
  execFileSync('git', ['init', '-q', '--bare', join(remotes, 'crew.git')], { env });
  const child = spawn('bash', ['-eo', 'pipefail'], { cwd: home, env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text: string) => (said.text += text));
  child.stdin.on('error', () => undefined);
  return {
    run: async (text) => {
      said.text = '';
      child.stdin.write(`{\n${text}\n}\necho "${END} $?"\n`);
      const deadline = performance.now() + LIMIT_MS - 5_000;
      while (!said.text.includes(END) && child.exitCode === null && performance.now() < deadline)
        await new Promise((next) => setTimeout(next, 20));
      return { code: said.text.includes(`${END} 0`) ? 0 : (child.exitCode ?? 1), output: said.text };
    },
    close: async () => {
      await endGroup(child);
      rmSync(place, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

/** TERM first, so that dispatchers end what they started. */
async function endGroup(child: ChildProcess): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGTERM', 'SIGKILL'] as const) {
    try {
      process.kill(-(child.pid ?? 0), signal);
    } catch {
      return;
    }
    await new Promise((next) => setTimeout(next, 700));
  }
}

function writeScript(path: string, text: string): void {
  writeFileSync(path, `#!/bin/sh\n${text}\n`);
  chmodSync(path, 0o755);
}

function gitConfig(remotes: string): string {
  return `[user]
	name = Maintainer
	email = maintainer@example.com
[init]
	defaultBranch = main
[pull]
	rebase = true
[advice]
	defaultBranchName = false
[gc]
	auto = 0
[maintenance]
	auto = false
[url ${JSON.stringify(`${remotes}/`)}]
	insteadOf = git@example.com:
`;
}
