/**
 * A command of ours as tests run it: in this process, through the same door as the program, so that
 * a test pays for the command and not for a start of node. `startProgram` starts the program.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ROOT = resolve(import.meta.dirname, '../..');
/** The script that people start. */
export const PROGRAM = join(ROOT, 'bin', 'crosstalkd.js');

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Place {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly input?: string | Uint8Array | undefined;
}

/** Runs a command to its end. It sees nothing of this process's environment or directory. */
export async function runCommand(words: readonly string[], place: Place): Promise<Ended> {
  // The build, not the source: what is tested is what is shipped.
  const { execute } = (await import(
    pathToFileURL(join(ROOT, 'dist', 'cli', 'execute.js')).href
  )) as typeof import('../../src/cli/execute.ts');
  let [stdout, stderr] = ['', ''];
  const code = await execute(words, {
    io: {
      print: (line) => void (stdout += `${line}\n`),
      warn: (line) => void (stderr += `${line}\n`),
      write: (text) => void (stdout += text),
      isTerminal: false,
      columns: Number.POSITIVE_INFINITY,
      rows: Number.POSITIVE_INFINITY,
      redraws: false,
      colors: false,
      readStdin: () => Promise.resolve(Buffer.from(place.input ?? '').toString('utf8')),
    },
    env: place.env,
    cwd: place.cwd,
    program: PROGRAM,
  });
  return { code, stdout, stderr };
}

/** A program of ours that was started. */
export interface Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** What it has printed so far, both streams. */
  readonly output: () => string;
}

/** Starts the program; SIGKILL after `limitMs`, when that is given. */
export function startProgram(words: readonly string[], place: Place, limitMs?: number): Program {
  const child = spawn(process.execPath, [PROGRAM, ...words], { cwd: place.cwd, env: place.env });
  let [stdout, stderr] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  child.stdin.on('error', () => undefined);
  child.stdin.end(place.input ?? '');
  const timer =
    limitMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), limitMs);
  const ended = new Promise<Ended>((done, fail) => {
    child.once('error', fail);
    child.once('close', (code) => {
      clearTimeout(timer);
      done({ code, stdout, stderr });
    });
  });
  return { child, ended, output: () => stdout + stderr };
}
