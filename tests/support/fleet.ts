/**
 * Real dispatchers of one transport: the built binary, a bare remote, and a state directory for
 * each host, in one temporary directory.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Ended, PROGRAM, runCommand } from './run-command.ts';
import { copySeed } from './seed.ts';

/** One line of a dispatcher's log. */
export interface HostEvent {
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface Host {
  readonly alias: string;
  readonly events: HostEvent[];
  readonly pid: number;
  /** Resolves with the first event (past ones count) that fits. */
  readonly until: (fits: (event: HostEvent) => boolean) => Promise<HostEvent>;
  readonly kill: (signal: NodeJS.Signals) => void;
  /** The exit code, or null after a signal. */
  readonly ended: Promise<number | null>;
}

export interface Fleet {
  readonly place: string;
  /** A person's clone. */
  readonly clone: string;
  readonly remote: string;
  readonly env: Readonly<Record<string, string>>;
  readonly git: (...args: string[]) => string;
  /** Commits files in the clone and pushes them. */
  readonly say: (files: Readonly<Record<string, string>>) => void;
  /** Looks at least every 0.3 s, unless `args` say otherwise; `env` is for this host only. */
  readonly start: (
    alias: string,
    args?: readonly string[],
    env?: Readonly<Record<string, string>>,
  ) => Host;
  /** Runs a command to its end, with more environment; gives code and output. */
  readonly run: (
    args: readonly string[],
    more?: Readonly<Record<string, string>>,
  ) => Promise<Ended>;
  /** Every agent start of every host, as its fixture recorded it. */
  readonly agentRuns: () => readonly string[];
  /** Pulls until the predicate holds on the clone's files. */
  readonly untilPulled: (holds: () => boolean, limitMs?: number) => Promise<void>;
  readonly close: () => Promise<void>;
}

/**
 * The text of the host's own models.yaml; a function is given a folder of the fleet for the
 * programs of `agentEntry`.
 */
type FleetModels = string | ((agents: string) => string);

/** A transport whose hosts serve the models given. `env` overrides settings. */
export async function startFleet(
  models: FleetModels,
  env: Readonly<Record<string, string>> = {},
): Promise<Fleet> {
  const place = mkdtempSync(join(tmpdir(), 'crosstalk-fleet-'));
  const hosts: Host[] = [];
  const full: Readonly<Record<string, string>> = { ...makeHome(place), ...env };
  await copySeed('fleet', place, initAt);
  const text = typeof models === 'string' ? models : models(join(place, 'agents'));
  writeFileSync(join(place, 'config', 'models.yaml'), text, { mode: 0o600 });
  const [clone, remote] = [join(place, 'team'), join(place, 'team.git')];
  const git = (...args: string[]): string =>
    execFileSync('git', args, {
      cwd: clone,
      env: full,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const run: Fleet['run'] = (args, more) =>
    runCommand(args, { env: { ...full, ...more }, cwd: place });
  let pulled = '';
  const pullNew = (): void => {
    const tip = readTip(remote, 'main');
    if (tip === pulled) return;
    git('pull', '-q', '--rebase');
    pulled = tip;
  };
  return {
    place,
    clone,
    remote,
    env: full,
    git,
    run,
    say: (files) => {
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(dirname(join(clone, path)), { recursive: true });
        writeFileSync(join(clone, path), content);
      }
      git('add', '-A');
      git('commit', '-qm', 'say');
      pushHard(git);
    },
    start: (alias, args = [], more = {}) => {
      const pace = args.includes('--interval') ? [] : ['--interval', '0.3'];
      const host = startHost(
        alias,
        [`${place}/team.git`, '--state', join(place, `state-${alias}`), ...pace, ...args],
        {
          ...full,
          ...more,
        },
      );
      hosts.push(host);
      return host;
    },
    agentRuns: () =>
      (existsSync(full['RUN_LOG'] ?? '') ? readFileSync(full['RUN_LOG'] ?? '', 'utf8') : '')
        .split('\n')
        .filter((line) => line !== ''),
    untilPulled: (holds, limitMs = 150_000) => untilTrue(() => (pullNew(), holds()), limitMs),
    close: async () => {
      for (const host of hosts) host.kill('SIGKILL');
      await Promise.all(hosts.map(({ ended }) => ended));
      // A git of a host that was killed may still write for a moment; the retries of rmSync do not
      // look into the folder again.
      await untilTrue(() => isRemoved(place));
    },
  };
}

/** A home for all hosts and the person; gives the environment that leads there. */
function makeHome(place: string): Readonly<Record<string, string>> {
  mkdirSync(join(place, 'config'), { mode: 0o700, recursive: true });
  writeFileSync(
    join(place, 'gitconfig'),
    '[user]\n\tname = Maintainer\n\temail = m@example.com\n[init]\n\tdefaultBranch = main\n[gc]\n\tauto = 0\n[maintenance]\n\tauto = false\n[receive]\n\tautogc = false\n',
  );
  writeFileSync(join(place, 'runs.log'), '');
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: place,
    TMPDIR: tmpdir(),
    CROSSTALK_CONFIG_DIR: join(place, 'config'),
    GIT_CONFIG_GLOBAL: join(place, 'gitconfig'),
    GIT_CONFIG_NOSYSTEM: '1',
    RUN_LOG: join(place, 'runs.log'),
  };
}

async function initAt(place: string): Promise<void> {
  const made = await runCommand(
    ['init', 'team', '--alias', 'maker', '--state', join(place, 'state-maker')],
    { env: makeHome(place), cwd: place },
  );
  if (made.code !== 0) throw new Error(`init failed: ${made.stderr}`);
}

/**
 * The commit at the tip of a branch of a bare repository, '' when it has none. Read from its files:
 * tests that wait ask for it twenty times a second, and a pull is nine processes.
 */
export function readTip(remote: string, branch: string): string {
  const ref = `refs/heads/${branch}`;
  if (existsSync(join(remote, ref))) return readFileSync(join(remote, ref), 'utf8').trim();
  const packed = join(remote, 'packed-refs');
  const lines = existsSync(packed) ? readFileSync(packed, 'utf8').split('\n') : [];
  return lines.find((line) => line.endsWith(` ${ref}`))?.split(' ')[0] ?? '';
}

function isRemoved(place: string): boolean {
  try {
    rmSync(place, { recursive: true, force: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') throw error;
    return false;
  }
}

/** Checks again and again, letting others run in between, until it holds. Fails after the limit. */
export async function untilTrue(holds: () => boolean, limitMs = 150_000): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadline)
      throw new Error(`still not true after ${limitMs} ms: ${holds.toString()}`);
    await new Promise((next) => setTimeout(next, 50));
  }
}

/**
 * A models.yaml entry of an embedded agent: records its start in RUN_LOG, then runs the script text
 * (node, ES module; `prompt` is its input). It ends with the fleet, whatever it waits for. One that
 * begins with `#!/bin/sh` is for the shell, for agents that run by the hundred: it takes a
 * twentieth of the processor.
 */
export function agentEntry(
  name: string,
  options: { readonly place: string; readonly script: string; readonly keys?: string },
): string {
  const isShell = options.script.startsWith('#!/bin/sh\n');
  const path = join(options.place, isShell ? `${name}.sh` : `${name}.mjs`);
  mkdirSync(options.place, { recursive: true });
  writeFileSync(path, `${isShell ? IN_SHELL : IN_NODE}${options.script}\n`);
  const command = [isShell ? '/bin/sh' : process.execPath, path];
  return `  ${name}: { adapter: command, command: ${JSON.stringify(command)}, env: [RUN_LOG], ${options.keys ?? 'effects: none, concurrency: 8'} }\n`;
}

const IN_NODE = `import { appendFileSync, existsSync as stands } from 'node:fs';
setInterval(() => stands(process.env.RUN_LOG) || process.exit(9), 1_000).unref();
appendFileSync(process.env.RUN_LOG, process.env.CROSSTALK_MODEL + ' ' + process.env.CROSSTALK_MESSAGE + '\\n');
let prompt = '';
for await (const chunk of process.stdin) prompt += chunk;
`;
const IN_SHELL = `echo "$CROSSTALK_MODEL $CROSSTALK_MESSAGE" >> "$RUN_LOG"
prompt=$(cat)
`;

function pushHard(git: (...args: string[]) => string): void {
  for (let tries = 0; ; tries += 1) {
    try {
      git('push', '-q');
      return;
    } catch (error) {
      if (tries > 20) throw error;
      git('pull', '-q', '--rebase');
    }
  }
}

function startHost(
  alias: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
): Host {
  const child = spawn(process.execPath, [PROGRAM, 'run', ...args, '--alias', alias], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  // A test may wait for many events at once.
  child.setMaxListeners(100);
  const events: HostEvent[] = [];
  const waiting = new Set<() => void>();
  let rest = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('{')) events.push(JSON.parse(line) as HostEvent);
    for (const check of waiting) check();
  });
  child.stderr
    .setEncoding('utf8')
    .on('data', (text: string) => events.push({ event: 'stderr', text }));
  const ended = new Promise<number | null>((done) => child.on('exit', (code) => done(code)));
  return {
    alias,
    events,
    pid: child.pid ?? 0,
    ended,
    kill: (signal) => child.kill(signal),
    until: (fits) => untilEvent(child, { alias, events, waiting, fits }),
  };
}

function untilEvent(
  child: ChildProcess,
  host: {
    readonly alias: string;
    readonly events: readonly HostEvent[];
    readonly waiting: Set<() => void>;
    readonly fits: (event: HostEvent) => boolean;
  },
): Promise<HostEvent> {
  return new Promise((done, failed) => {
    const timer = setTimeout(
      () =>
        failed(
          new Error(
            `${host.alias}: no such event; saw ${host.events.map(({ event }) => event).join(' ')}`,
          ),
        ),
      150_000,
    );
    const check = (): void => {
      const found = host.events.find(host.fits);
      if (found === undefined) return;
      stop();
      host.waiting.delete(check);
      done(found);
    };
    const stop = (): void => {
      clearTimeout(timer);
      child.off('exit', stop);
    };
    host.waiting.add(check);
    child.on('exit', stop);
    check();
  });
}
