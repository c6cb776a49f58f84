/**
 * The only place that starts git. Arguments are lists, never shell text; the environment is built;
 * every call has a time limit and an output limit, and a call that exceeds one is killed with all
 * its children.
 */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { SECOND, type Clock } from '../base/clock.ts';
import { untilDrained } from '../base/drain-pipes.ts';
import { CrosstalkError } from '../base/errors.ts';
import { endWithUs, signalGroup } from './end-with-us.ts';
import {
  buildEnvironment,
  buildPeerEnvironment,
  buildProjectEnvironment,
  HARDENING,
  isOpenSsh,
  PROJECT_HARDENING,
  type Environment,
} from './git-environment.ts';
import {
  accessOf,
  ADDRESS_KEYS,
  accessVariables,
  hideSecrets,
  joinAccess,
  NO_ACCESS,
  REMOTE_COMMANDS,
  type RemoteAccess,
  splitSettings,
} from './remote-url.ts';

const LOCAL_MS = 30 * SECOND;
const NETWORK_MS = 60 * SECOND;
/** How long a remote may say nothing to a process that is about to end. */
const HURRIED_MS = 5 * SECOND;
const TERM_TO_KILL_MS = 5 * SECOND;
const EXIT_TO_CLOSE_MS = SECOND;
const STDOUT_BYTES_MAX = 256 * 1024 * 1024;
const STDERR_BYTES_MAX = 64 * 1024;
/** `repack --geometric` came with 2.32. */
const VERSION_MIN = [2, 32] as const;

/** How git is to be run. */
export interface GitOptions {
  /** The environment of the process; only named variables of it reach git. */
  readonly env: Environment;
  /** The repository of every call; it need not exist yet. */
  readonly gitDir: string;
  readonly clock: Clock;
  /** Limit of a call that talks to the remote. Default 60 s. */
  readonly networkMs?: number;
  /** Allows unencrypted http:// URLs. */
  readonly allowHttp?: boolean;
  /** What the remote's address and a person's clone add to the calls that talk to the remote. */
  readonly access?: RemoteAccess;
}

/**
 * One git command. Values that came from anywhere but this source stand after `--` in `args`, or on
 * stdin.
 */
export interface GitCall {
  readonly args: readonly string[];
  readonly network?: boolean;
  readonly stdin?: string | Uint8Array;
  /** Further environment, constant names only. */
  readonly env?: Readonly<Record<string, string>>;
  /** Takes stdout piece by piece; it is then not collected. */
  readonly onStdout?: (chunk: Buffer) => void;
  /**
   * How long it may take; for network calls how long it may say nothing, so that a large transfer
   * with progress is not cut.
   */
  readonly limitMs?: number;
}

/** How a git command ended. `stderr` is its last 64 KiB. */
export interface GitResult {
  readonly ended: 'exited' | 'timeout' | 'overflow' | 'not-started';
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
}

/** A git process whose pipes the caller holds. */
export interface GitProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** Calls `listen` for every sign of life on stdout and stderr. */
  onActivity(listen: () => void): void;
  /** Resolves when the process is gone and its pipes are closed. Never rejects. */
  readonly ended: Promise<{ readonly code: number | null; readonly started: boolean }>;
  stderr(): string;
  /** TERM to the whole group, KILL if that is not enough. */
  kill(): void;
}

/** A program and its arguments. */
export type Argv = readonly [string, ...string[]];

/** The door to the git program. */
export interface Git {
  run(call: GitCall): Promise<GitResult>;
  /** Starts a process that lives until its stdin ends, or `close`. */
  start(call: Pick<GitCall, 'args' | 'network' | 'env'>): GitProcess;
  /**
   * Starts what git itself would start to reach a remote, with what git would give it: nothing of
   * the cache's settings.
   */
  connect(argv: Argv): GitProcess;
  /**
   * Starts ssh with arguments that git would give it. Null: it is a program that may not take them.
   */
  connectBySsh(args: readonly string[]): GitProcess | null;
  /** Passes the user's own ssh command on. */
  useSshCommand(command: string): void;
  /** Adds to what reaches the remote. */
  grant(access: RemoteAccess): void;
  /** Limit of a network call in milliseconds. */
  readonly networkMs: number;
  /** From now on the remote may be silent for five seconds only, also in calls under way. */
  hurry(): void;
  /** Aborted by `hurry`. */
  readonly hurried: AbortSignal;
  /** Kills what still runs and waits until it is gone. */
  close(): Promise<void>;
}

/** A way to run git on one repository. */
export function createGit(options: GitOptions): Git {
  const running = new Set<GitProcess>();
  const hurry = new AbortController();
  let sshCommand = options.env['GIT_SSH_COMMAND'] ?? null;
  let access = options.access ?? NO_ACCESS;
  const networkMs = options.networkMs ?? NETWORK_MS;
  const { env, allowHttp = false, clock } = options;
  const track = (process: GitProcess): GitProcess => {
    running.add(process);
    void process.ended.then(() => running.delete(process));
    return process;
  };
  const peerEnvironment = (): Record<string, string> =>
    buildPeerEnvironment({ env, allowHttp, sshCommand });
  const connect: Git['connect'] = (argv) => track(startProcess(argv, peerEnvironment(), clock));
  const start: Git['start'] = (call) => {
    const { network = false } = call;
    const hidden = hideSecrets(network ? call.args : [], []);
    const rules = { env, allowHttp, sshCommand, access: joinAccess(access, hidden.access) };
    const args = network ? hidden.words : call.args;
    return track(
      startProcess(
        ['git', ...HARDENING, `--git-dir=${options.gitDir}`, ...args],
        { ...buildEnvironment(rules, network), ...call.env },
        clock,
      ),
    );
  };
  return {
    start,
    connect,
    connectBySsh: (args) => {
      const { GIT_SSH_COMMAND: ssh = '' } = peerEnvironment();
      // As git does: the command is a piece of shell text, and the arguments are not.
      return isOpenSsh(ssh, env['GIT_SSH_VARIANT'])
        ? connect(['sh', '-c', `${ssh} "$@"`, ssh, ...args])
        : null;
    },
    networkMs,
    hurry: () => hurry.abort(),
    hurried: hurry.signal,
    useSshCommand: (command) => {
      sshCommand = command;
    },
    grant: (more) => {
      access = joinAccess(access, more);
    },
    run: (call) =>
      runProcess(start(call), call, {
        clock: options.clock,
        limitMs: limitOf(call, networkMs),
        idle: call.network === true,
        ...(call.network === true ? { hurried: hurry.signal } : {}),
      }),
    close: async () => {
      const left = [...running];
      for (const process of left) process.kill();
      await Promise.all(left.map((process) => process.ended));
    },
  };
}

/**
 * Runs git in a person's project: the same rules, but in a given directory.
 * Killed with all it started after `limitMs`.
 */
export function createProjectGit(options: {
  readonly env: Environment;
  readonly clock: Clock;
  readonly limitMs: number;
}): (
  directory: string,
  args: readonly string[],
  more?: Pick<GitCall, 'stdin' | 'env'>,
) => Promise<GitResult> {
  const { clock, limitMs } = options;
  const env = buildProjectEnvironment(options.env);
  const run = (
    directory: string,
    { args, env: own, ...call }: Pick<GitCall, 'args' | 'stdin' | 'env'>,
  ): Promise<GitResult> => {
    const argv = [...PROJECT_HARDENING, '-C', directory, ...args];
    const process = startProcess(['git', ...argv], { ...env, ...own }, clock);
    return runProcess(process, { args, ...call }, { clock, limitMs, idle: false });
  };
  return async (directory, args, more = {}) => {
    if (!REMOTE_COMMANDS.includes(args[0] ?? '')) return run(directory, { args, ...more });
    const asked = await run(directory, {
      args: ['config', '--null', '--get-regexp', ADDRESS_KEYS],
    });
    const { words, access } = hideSecrets(args, splitSettings(asked.stdout.toString('utf8')));
    return run(directory, {
      ...more,
      args: words,
      env: { ...accessVariables(joinAccess(accessOf(options.env), access)), ...more.env },
    });
  };
}

function limitOf(call: GitCall, networkMs: number): number {
  return call.limitMs ?? (call.network === true ? networkMs : LOCAL_MS);
}

async function runProcess(process: GitProcess, call: GitCall, limits: Limits): Promise<GitResult> {
  const cuts: ('timeout' | 'overflow')[] = [];
  const cutOff = (why: 'timeout' | 'overflow'): void => {
    cuts.push(why);
    process.kill();
  };
  const chunks = collect(process.stdout, call.onStdout, () => cutOff('overflow'));
  watchLimit(process, limits, () => cutOff('timeout'));
  process.stdin.end(call.stdin ?? '');
  const { code, started } = await process.ended;
  return {
    ended: cuts[0] ?? (started ? 'exited' : 'not-started'),
    code,
    stdout: Buffer.concat(chunks),
    stderr: process.stderr(),
  };
}

interface Limits {
  readonly clock: Clock;
  readonly limitMs: number;
  /** Counts from the last sign of life instead of from the start. */
  readonly idle: boolean;
  /** Once it is aborted, only five seconds are left. */
  readonly hurried?: AbortSignal;
}

/** Calls `onLimit` once when `process` lives too long; stops watching when it ends. */
export function watchLimit(
  process: Pick<GitProcess, 'ended' | 'onActivity'>,
  { clock, limitMs, idle, hurried }: Limits,
  onLimit: () => void,
): void {
  const over = new AbortController();
  void process.ended.then(() => over.abort());
  let since = clock.monotonicMs();
  if (idle) process.onActivity(() => (since = clock.monotonicMs()));
  const sleepFor = async (ms: number, wake?: AbortSignal): Promise<void> => {
    const ends = wake === undefined ? over.signal : AbortSignal.any([over.signal, wake]);
    while (!ends.aborted && since + ms > clock.monotonicMs())
      await clock.sleep(since + ms - clock.monotonicMs(), ends);
  };
  const watch = async (): Promise<void> => {
    await sleepFor(limitMs, hurried);
    if (hurried?.aborted === true) {
      since = Math.max(since, clock.monotonicMs());
      await sleepFor(Math.min(limitMs, HURRIED_MS));
    }
    if (!over.signal.aborted) onLimit();
  };
  void watch();
}

function collect(
  stdout: Readable,
  onStdout: GitCall['onStdout'],
  onOverflow: () => void,
): readonly Buffer[] {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stdout.on('data', (chunk: Buffer) => {
    bytes += onStdout === undefined ? chunk.length : 0;
    if (onStdout !== undefined) onStdout(chunk);
    else if (bytes > STDOUT_BYTES_MAX) onOverflow();
    else chunks.push(chunk);
  });
  return chunks;
}

function startProcess(
  [program, ...args]: Argv,
  env: Record<string, string>,
  clock: Clock,
): GitProcess {
  // `detached` makes it the leader of its own group: ssh, remote helpers and index-pack are killed
  // with it. cwd `/` always exists and holds no repository that git could take for ours.
  const child = spawn(program, args, {
    shell: false,
    detached: true,
    cwd: '/',
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  // A git that ends early closes its stdin; its exit code reports that, not EPIPE.
  child.stdin.on('error', () => undefined);
  child.stdout.on('error', () => undefined);
  const stderr = keepTail(child.stderr);
  const ended = endOf(child, clock);
  if (child.pid !== undefined) endWithUs(child.pid, ended);
  return {
    stdin: child.stdin,
    stdout: child.stdout,
    ended,
    onActivity: (listen) => {
      child.stdout.on('data', listen);
      child.stderr.on('data', listen);
    },
    stderr,
    kill: () => killGroup(child, ended, clock),
  };
}

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

function endOf(child: Child, clock: Clock): GitProcess['ended'] {
  return new Promise((resolve) => {
    const closed = new AbortController();
    child.on('error', () => {
      if (child.pid === undefined) resolve({ code: null, started: false });
    });
    child.on('exit', () => {
      // A grandchild may hold the pipes open for ever; what it would still say is of no use.
      void untilDrained([child.stdout, child.stderr], {
        clock,
        closed: closed.signal,
        quietMs: EXIT_TO_CLOSE_MS,
      }).then(() => {
        if (!closed.signal.aborted)
          for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe.destroy();
      });
    });
    child.on('close', (code) => {
      closed.abort();
      resolve({ code, started: child.pid !== undefined });
    });
  });
}

function killGroup(child: Child, ended: GitProcess['ended'], clock: Clock): void {
  signalGroup(child.pid, 'SIGTERM');
  const gone = new AbortController();
  void ended.then(() => gone.abort());
  void clock.sleep(TERM_TO_KILL_MS, gone.signal).then(() => {
    // Also when the leader went at once: a helper that ignores TERM would stay.
    signalGroup(child.pid, 'SIGKILL');
  });
}

function keepTail(stream: Readable): () => string {
  let tail = Buffer.alloc(0);
  stream.on('error', () => undefined);
  stream.on('data', (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]);
    if (tail.length > STDERR_BYTES_MAX) tail = tail.subarray(tail.length - STDERR_BYTES_MAX);
  });
  return () => tail.toString('utf8');
}

/**
 * Makes sure that git is there and new enough; returns its version. Throws GIT_UNUSABLE with one
 * line.
 */
export async function checkGit(git: Git): Promise<string> {
  const result = await git.run({ args: ['version'] });
  const text = result.stdout.toString('utf8').trim();
  const match = /git version (\d+)\.(\d+)/.exec(text);
  const needed = VERSION_MIN.join('.');
  if (result.ended === 'not-started')
    throw new CrosstalkError(
      'GIT_UNUSABLE',
      `git was not found in PATH; git ${needed} or newer is needed`,
    );
  if (match === null)
    throw new CrosstalkError(
      'GIT_UNUSABLE',
      `"git version" said ${JSON.stringify(text.slice(0, 80))}; git ${needed} or newer is needed`,
    );
  const [major, minor] = [Number(match[1]), Number(match[2])];
  if (major < VERSION_MIN[0] || (major === VERSION_MIN[0] && minor < VERSION_MIN[1]))
    throw new CrosstalkError(
      'GIT_UNUSABLE',
      `git ${major}.${minor} is too old; git ${needed} or newer is needed`,
    );
  return `${major}.${minor}`;
}
