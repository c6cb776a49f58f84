/** Small real programs made of the sources under test: started, listened to, killed. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { onTestFinished } from 'vitest';

const REPOSITORY = join(import.meta.dirname, '..', '..');

/** An empty directory that goes away with the test. */
export async function tempDirectory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'crosstalk-test-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
}

/**
 * Sources (`local/lock.ts`) with all that they need, as JavaScript that any user may run, in a
 * directory to be removed by the caller.
 */
export async function buildSources(...names: readonly string[]): Promise<string> {
  const built = await mkdtemp(join(tmpdir(), 'crosstalk-built-'));
  await writeFile(join(built, 'package.json'), '{"type":"module"}');
  await symlink(join(REPOSITORY, 'node_modules'), join(built, 'node_modules'));
  await build({
    entryPoints: names.map((name) => join(REPOSITORY, 'src', name)),
    outbase: join(REPOSITORY, 'src'),
    outdir: built,
    bundle: true,
    // What two of them share is there once, with its state.
    splitting: true,
    packages: 'external',
    format: 'esm',
    platform: 'node',
    target: 'node20',
  });
  return built;
}

export interface Child {
  readonly pid: number;
  /** The next line of its output, or null when it has ended. */
  nextLine(): Promise<string | null>;
  /** SIGKILL, then waits. */
  kill(): Promise<void>;
  /** Waits for its end: exit status and everything on stderr. */
  ended(): Promise<{ readonly status: number | null; readonly errors: string }>;
  say(line: string): void;
}

interface Program {
  readonly code: string;
  readonly args?: readonly string[];
  readonly uid?: number;
  readonly umask?: string;
  /**
   * It says "ready" and begins when it is told the first line; `input.next()` is the next one. So
   * several begin at the same time.
   */
  readonly waits?: boolean;
}

const WAITING = `const { createInterface } = await import('node:readline');
    const input = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
    await say('ready');
    await input.next();`;

/**
 * Starts `code` (a module; `load('local/lock.js')` imports from the built sources) with `args` as
 * `args`. Killed with the test at the latest.
 */
export function startChild(built: string, program: Program): Child {
  const prelude = `const load = (path) => import(${JSON.stringify(`${pathToFileURL(built).href}/`)} + path); const args = process.argv.slice(1);
    const say = (line) => new Promise((done) => process.stdout.write(line + '\\n', done));
    ${program.umask === undefined ? '' : `process.umask(${program.umask});`}
    ${program.waits === true ? WAITING : ''}\n`;
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', prelude + program.code, '--', ...(program.args ?? [])],
    {
      stdio: 'pipe',
      cwd: built,
      ...(program.uid === undefined ? {} : { uid: program.uid, gid: program.uid }),
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdin.on('error', () => undefined);
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  onTestFinished(kill);
  return {
    pid: child.pid ?? 0,
    nextLine: async () => {
      const next = await lines.next();
      return next.done === true ? null : next.value;
    },
    kill,
    ended: async () => ({ status: await closed, errors }),
    say: (line) => child.stdin.write(`${line}\n`),
  };
}
