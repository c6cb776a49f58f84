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
import { dirname, join } from 'node:path';
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
  readonly git: (args: readonly string[], cwd?: string) => string;
  /** Commits files as somebody else and pushes them; the clone does not see them. */
  readonly say: (files: Readonly<Record<string, string | Uint8Array>>) => void;
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
  const git: Cli['git'] = (args, cwd = clone) =>
    execFileSync('git', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
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
    say: (files) => sayAsOther({ place, remote: join(place, 'team.git'), git }, files),
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
    '[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[commit]\n\tgpgsign = false\n',
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

interface Other {
  readonly place: string;
  readonly remote: string;
  readonly git: Cli['git'];
}

function sayAsOther(
  { place, remote, git }: Other,
  files: Readonly<Record<string, string | Uint8Array>>,
): void {
  const other = join(place, 'other');
  if (!existsSync(other)) git(['clone', '-q', remote, other], place);
  git(['config', 'user.name', 'Grace'], other);
  git(['pull', '-q', '--rebase'], other);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(other, path)), { recursive: true });
    writeFileSync(join(other, path), content);
  }
  git(['add', '-A'], other);
  git(['commit', '-q', '-m', 'say'], other);
  git(['push', '-q'], other);
}
