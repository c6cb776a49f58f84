/**
 * Keeps this machine from going to sleep on its own while agents run. A program of the platform
 * holds the lock and ends with this process, however that ends: it waits for the end of a pipe
 * (systemd) or for the process id (macOS).
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { runTool } from './run-tool.ts';

/** The environment in which the program is looked for and started. */
type Environment = Readonly<Record<string, string | undefined>>;

const PROBE_MS = 5_000;
const INHIBIT = [
  'systemd-inhibit',
  '--what=idle:sleep',
  '--who=crosstalkd',
  '--why=agents run',
  '--mode=block',
] as const;

/** A lock that is held while at least one of those who asked for it has not let go. */
export interface WakeLock {
  hold(): void;
  release(): void;
}

/** A lock that is nobody's: where the platform has no program for it, or it is turned off. */
export const NO_WAKE_LOCK: WakeLock = { hold: () => undefined, release: () => undefined };

/** The command that keeps this machine awake while process `pid` lives; null: none is known. */
export function wakeCommand(
  platform: NodeJS.Platform,
  pid: number,
): readonly [string, ...string[]] | null {
  if (platform === 'linux') return [...INHIBIT, 'cat'];
  return platform === 'darwin' ? ['caffeinate', '-i', '-w', String(pid)] : null;
}

/** The lock of this machine. A program that is absent or refused is not retried. */
export function createWakeLock(
  env: Environment,
  command = wakeCommand(process.platform, process.pid),
): WakeLock {
  if (command === null) return NO_WAKE_LOCK;
  const [program, ...args] = command;
  let holders = 0;
  let isUseless = false;
  let holding: ChildProcess | null = null;
  const start = (): void => {
    // In its own group: a Ctrl-C is for the dispatcher, whose agents may still be at work.
    const child = spawn(program, args, {
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    holding = child;
    child.stdin.on('error', () => undefined);
    child.once('error', () => (isUseless = true));
    // One that ends while it is wanted was refused.
    child.once('exit', () => {
      if (holding === child) isUseless = true;
    });
    // Nobody waits for it.
    child.unref();
  };
  return {
    hold: () => {
      holders += 1;
      if (holders === 1 && !isUseless) start();
    },
    release: () => {
      holders -= 1;
      if (holders > 0) return;
      const child = holding;
      holding = null;
      child?.stdin?.end();
      // One that could not be started has no id: its signal would go to our own group.
      if (child?.pid !== undefined) child.kill();
    },
  };
}

/**
 * Whether this machine can be kept awake: null when it can, else why not, for people. Starts the
 * program once, for as long as `true` takes.
 */
export async function probeWakeLock(
  env: Environment,
  platform: NodeJS.Platform = process.platform,
): Promise<string | null> {
  if (wakeCommand(platform, 0) === null) return `no program is known to do this on ${platform}`;
  const argv = platform === 'darwin' ? (['caffeinate', '-i', 'true'] as const) : PROBE;
  const { code, stderr, problem } = await runTool({ argv, env, limitMs: PROBE_MS });
  if (code === 0) return null;
  return problem ?? `${argv[0]}: ${stderr.trim().split('\n')[0] ?? ''}`;
}

const PROBE = [...INHIBIT, 'true'] as const;
