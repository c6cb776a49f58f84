/**
 * Runs one of the platform's own programs, or a command that the operator configured: its words as
 * a list, never through a shell.
 */
import { spawn } from 'node:child_process';
import { systemClock } from '../base/clock.ts';
import { untilDrained } from '../base/drain-pipes.ts';

/** How a program is started. */
export interface ToolStart {
  /** The program and its arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Text for its standard input. Default none. */
  readonly input?: string;
  readonly limitMs: number;
}

/**
 * How it ended. `code` is null when it could not be started or was ended by a signal; then
 * `problem` says why.
 */
export interface ToolEnded {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly problem: string | null;
}

const OUTPUT_CHARS_MAX = 65_536;

/**
 * Runs the program to its end, or kills it with everything it started when its time is over. Never
 * throws.
 */
export function runTool({ argv, env, input, limitMs }: ToolStart): Promise<ToolEnded> {
  const [program, ...args] = argv;
  return new Promise((resolve) => {
    let [stdout, stderr, problem] = ['', '', null as string | null];
    const child = spawn(program, args, { env, detached: true, stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => {
      problem = `${program} took longer than ${Math.round(limitMs / 1_000)} s and was ended`;
      kill(child.pid);
    }, limitMs);
    const end = (code: number | null, why: string | null): void => {
      clearTimeout(timer);
      // What it left behind in its group would hold its output open.
      kill(child.pid);
      for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
      resolve({ code, stdout, stderr, problem: problem ?? why });
    };
    child.stdout
      .setEncoding('utf8')
      .on('data', (text: string) => (stdout = (stdout + text).slice(0, OUTPUT_CHARS_MAX)));
    child.stderr
      .setEncoding('utf8')
      .on('data', (text: string) => (stderr = (stderr + text).slice(0, OUTPUT_CHARS_MAX)));
    // A program that does not read what it is given has its reasons.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input ?? '');
    child.once('error', (error) => end(null, `${program} cannot be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      const closed = new AbortController();
      child.once('close', () => closed.abort());
      // What it printed last may still be on its way.
      void untilDrained([child.stdout, child.stderr], {
        clock: systemClock,
        closed: closed.signal,
        quietMs: QUIET_MS,
      }).then(() => end(code, signal === null ? null : `${program} was ended by ${signal}`));
    });
  });
}

const QUIET_MS = 500;

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // Nothing is left of its group.
  }
}
