/**
 * Runs the `sh` blocks of a page in their order, as tests. `sh server` blocks run on a second
 * machine: a shell with its own home, and the same remote.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { type Block, blocksOf, readPage, ROOT } from './page.ts';

const LIMIT_MS = 240_000;
const KINDS = ['sh', 'sh server', 'sh norun'];

/**
 * Declares a test for each block of the page, and one that counts those that are left out: at most
 * `norunMax`.
 */
export function runBlocks(path: string, norunMax: number): void {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-docs-'));
  const blocks = blocksOf(readPage(path)).filter(({ info }) => info.startsWith('sh'));
  const shells = new Map(
    ['sh', 'sh server'].map((info) => [info, openShell(place, info.replace(' ', '-'))]),
  );
  afterAll(async () => {
    await Promise.all([...shells.values()].map((shell) => shell.close()));
    rmSync(place, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
  });
  it.each(
    blocks
      .filter(({ info }) => shells.has(info))
      .map((block) => [`line ${block.line}: ${titleOf(block)}`, block] as const),
  )(
    '%s',
    async (_title, block) => {
      const { code, output } = (await shells.get(block.info)?.run(block.text)) ?? {
        code: 1,
        output: 'no shell',
      };
      expect(code, output).toBe(0);
      expect(output).not.toMatch(/^(USAGE|INTERNAL|CONFIG_INVALID|MESSAGE_REJECTED): /m);
    },
    LIMIT_MS,
  );
  it('leaves few blocks out', () => {
    expect(blocks.filter(({ info }) => info === 'sh norun').length).toBeLessThanOrEqual(norunMax);
    for (const { info } of blocks) expect(KINDS).toContain(info);
  });
}

function titleOf({ text }: Block): string {
  return text.split('\n')[0] ?? '';
}

interface Shell {
  /** Runs commands in the shell as it stands; the first that fails ends it. */
  readonly run: (text: string) => Promise<{ readonly code: number; readonly output: string }>;
  readonly close: () => Promise<void>;
}

const END = 'END-OF-BLOCK';

/**
 * A shell in a fresh home below `place`, whose remotes all machines of a page share: git has a name
 * and finds `git@example.com:` on the disk, `crosstalkd` is the built program, the editor writes by
 * itself. How git pulls is left as it is for somebody who has set nothing.
 */
function openShell(place: string, machine: string): Shell {
  const [own, remotes] = [join(place, machine), join(place, 'remotes')];
  const [home, bin] = [join(own, 'home'), join(own, 'bin')];
  for (const directory of [home, bin, remotes, join(own, 'tmp')])
    mkdirSync(directory, { mode: 0o700, recursive: true });
  writeFileSync(join(home, '.gitconfig'), gitConfig(remotes));
  writeScript(
    join(bin, 'crosstalkd'),
    `exec ${JSON.stringify(process.execPath)} ${JSON.stringify(join(ROOT, 'bin/crosstalkd.js'))} "$@"`,
  );
  // A new file becomes a message; a template gets one line more.
  writeScript(
    join(bin, 'write'),
    `[ -s "$1" ] || printf -- '---\\nto: echo\\n---\\n' > "$1"\nprintf 'Hello, is anybody there?\\n' >> "$1"`,
  );
  const env = {
    PATH: `${bin}:${process.env['PATH'] ?? ''}`,
    HOME: home,
    TMPDIR: join(own, 'tmp'),
    GIT_CONFIG_NOSYSTEM: '1',
    EDITOR: join(bin, 'write'),
    NO_COLOR: '1',
  };
  execFileSync('git', ['init', '-q', '--bare', join(remotes, 'crew.git')], { env });
  const child = spawn('bash', ['-eo', 'pipefail'], {
    cwd: home,
    env,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const said = { text: '' };
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (said.text += text));
  child.stdin.on('error', () => undefined);
  return {
    run: async (text) => {
      said.text = '';
      child.stdin.write(`{\n${text}\n}\necho "${END} $?"\n`);
      const deadline = performance.now() + LIMIT_MS - 5_000;
      const isOver = (): boolean => child.exitCode !== null || child.signalCode !== null;
      while (!said.text.includes(END) && !isOver() && performance.now() < deadline)
        await new Promise((next) => setTimeout(next, 20));
      // A block that does not end would hold every later one of the page as long.
      if (!said.text.includes(END)) await endGroup(child);
      return {
        code: said.text.includes(`${END} 0`) ? 0 : (child.exitCode ?? 1),
        output: said.text,
      };
    },
    close: () => endGroup(child),
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
