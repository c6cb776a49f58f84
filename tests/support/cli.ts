/**
 * The command line as a person uses it: the built program, its own home, a transport with a
 * bare remote, all in one temporary directory.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { problemOf } from './json-schemas.ts';
import { type Ended, runCommand, startProgram } from './run-command.ts';
import { copySeed } from './seed.ts';

export type { Ended } from './run-command.ts';

/** How it is started. */
export interface Start {
  /** Default: the clone. */
  readonly cwd?: string;
  readonly input?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Cli {
  readonly place: string;
  /** The clone that `init` made. */
  readonly clone: string;
  readonly remote: string;
  readonly env: Readonly<Record<string, string>>;
  /** Runs a command to its end, in this process. */
  readonly run: (args: readonly string[], start?: Start) => Promise<Ended>;
  /** The same as the program itself. */
  readonly runProgram: (args: readonly string[], start?: Start) => Promise<Ended>;
  /** The one object that a command prints with --json, as its schema says, and its exit code. */
  readonly json: (
    args: readonly string[],
    start?: Start,
  ) => Promise<{ readonly code: number | null; readonly data: Json }>;
  /**
   * A command that continues, with more environment; `until` resolves when its output holds the
   * text.
   */
  readonly start: (args: readonly string[], more?: Readonly<Record<string, string>>) => Running;
  readonly git: (args: readonly string[], cwd?: string, input?: string | Uint8Array) => string;
  /**
   * A commit of somebody else with these files stands on the remote; the clone does not see it.
   * Its author is Grace.
   */
  readonly say: (files: Readonly<Record<string, string | Uint8Array>>, email?: string) => void;
  /** The folder of Grace's clone, as new as the remote, for what `say` cannot do. */
  readonly elsewhere: () => string;
  /** One dispatcher run to its end: everything open is answered. */
  readonly answer: () => Promise<void>;
  readonly close: () => void;
}

export interface Running {
  readonly until: (text: string) => Promise<void>;
  readonly stop: () => Promise<Ended>;
}

/** A value of JSON whose parts are looked at by tests. */
export type Json = Readonly<Record<string, unknown>>;

const LIMIT_MS = 90_000;

/**
 * A fresh transport in a fresh home. `models` replaces data/models.yaml of the template (and is
 * approved).
 */
export async function startCli(options: { readonly models?: string } = {}): Promise<Cli> {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-cli-'));
  const env = makeHome(place);
  await copySeed('cli', place, initAt);
  const clone = join(place, 'team');
  const placeOf = (start: Start) => ({
    cwd: existsSync(clone) ? clone : place,
    ...start,
    env: { ...env, ...start.env },
  });
  const run: Cli['run'] = (args, start = {}) => runCommand(args, placeOf(start));
  const git: Cli['git'] = (args, cwd = clone, input = '') =>
    execFileSync('git', args, { cwd, env, input, stdio: ['pipe', 'pipe', 'pipe'] })
      .toString('utf8')
      .replace(/\n$/, '');
  const cli: Cli = {
    place,
    clone,
    remote: join(place, 'team.git'),
    env,
    run,
    runProgram: (args, start = {}) => startProgram(args, placeOf(start), LIMIT_MS).ended,
    json: async (args, start) => {
      const { code, stdout } = await run([...args, '--json'], start);
      const data = JSON.parse(stdout) as Json;
      const problem = problemOf(args, data);
      if (problem !== null) throw new Error(`${args.join(' ')} --json: ${problem}\n${stdout}`);
      return { code, data };
    },
    start: (args, more) => startRunning(args, { cwd: clone, env: { ...env, ...more } }),
    git,
    say: (files, email = 'ada@example.org') =>
      git(IMPORT, join(place, 'team.git'), streamOf(files, email)),
    elsewhere: () => pullElsewhere(git, place),
    answer: async () => {
      const ended = await run(['run', '--once'], { env: { CROSSTALK_MAX_AGE: '3650d' } });
      if (ended.code !== 0) throw new Error(`run --once failed: ${ended.stdout}${ended.stderr}`);
    },
    close: () => rmSync(place, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 }),
  };
  if (options.models !== undefined) {
    cli.say({ 'data/models.yaml': options.models });
    const allowed = await run(['allow', '--all']);
    if (allowed.code !== 0) throw new Error(`allow failed: ${allowed.stderr}`);
  }
  return cli;
}

/** A person's home below `place`; gives the environment that leads there and nowhere else. */
function makeHome(place: string): Readonly<Record<string, string>> {
  for (const directory of ['home', 'config'])
    mkdirSync(join(place, directory), { mode: 0o700, recursive: true });
  writeFileSync(
    join(place, 'gitconfig'),
    '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n[commit]\n\tgpgsign = false\n',
  );
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: join(place, 'home'),
    TMPDIR: tmpdir(),
    CROSSTALK_STATE_DIR: join(place, 'state'),
    CROSSTALK_CONFIG_DIR: join(place, 'config'),
    GIT_CONFIG_GLOBAL: join(place, 'gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    NO_COLOR: '1',
  };
}

async function initAt(place: string): Promise<void> {
  const made = await runCommand(['init', 'team', '--alias', 'mbp'], {
    cwd: place,
    env: makeHome(place),
  });
  if (made.code !== 0) throw new Error(`init failed: ${made.stderr}`);
}

/** A message as a person writes it. */
export function letter(to: string, text: string, more = ''): string {
  return `---\nto: ${to}\n${more}---\n${text}\n`;
}

/** Lists of objects in JSON. */
export function listOf(data: Json, key: string): readonly Json[] {
  const list = data[key];
  if (!Array.isArray(list)) throw new Error(`"${key}" is not a list: ${JSON.stringify(data)}`);
  return list as readonly Json[];
}

/** One hash of everything below a directory: names, kinds, modes and bytes. */
export function fingerprint(directory: string): string {
  const hash = createHash('sha256');
  const visit = (path: string): void => {
    const found = lstatSync(path);
    hash.update(`${path}\0${found.mode}\0${found.mtimeMs}\0`);
    if (found.isSymbolicLink()) hash.update(readlinkSync(path));
    else if (found.isDirectory())
      for (const name of readdirSync(path).sort()) visit(join(path, name));
    else hash.update(readFileSync(path));
  };
  visit(directory);
  return hash.digest('hex');
}

function startRunning(
  args: readonly string[],
  start: { readonly cwd: string; readonly env: Readonly<Record<string, string>> },
): Running {
  const { child, ended, output } = startProgram(args, start);
  return {
    until: async (text) => {
      const deadline = performance.now() + LIMIT_MS;
      while (!output().includes(text)) {
        if (performance.now() > deadline)
          throw new Error(`"${text}" did not come; so far:\n${output()}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
    },
    stop: async () => {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
      return ended.finally(() => clearTimeout(timer));
    },
  };
}

/** One process, where a clone, a pull, a commit and a push are twenty. */
const IMPORT = ['--git-dir=.', 'fast-import', '--quiet', '--date-format=now'];

/** A commit on the tip of `main`, as `git fast-import` reads it. */
function streamOf(files: Readonly<Record<string, string | Uint8Array>>, email: string): Uint8Array {
  const parts: (string | Uint8Array)[] = [
    `commit refs/heads/main\ncommitter Grace <${email}> now\ndata 4\nsay\n`,
    'from refs/heads/main^0\n',
  ];
  for (const [path, content] of Object.entries(files)) {
    const bytes = Buffer.from(content);
    parts.push(`M 100644 inline ${quoted(path)}\ndata ${bytes.length}\n`, bytes, '\n');
  }
  return Buffer.concat(parts.map((part) => Buffer.from(part)));
}

/** In quotes as C has them: any path. */
function quoted(path: string): string {
  return `"${path.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}

function pullElsewhere(git: Cli['git'], place: string): string {
  const other = join(place, 'other');
  if (existsSync(other)) {
    git(['pull', '-q', '--rebase'], other);
  } else {
    git(['clone', '-q', join(place, 'team.git'), other], place);
    git(['config', 'user.name', 'Grace'], other);
  }
  return other;
}
