/**
 * Why a program that is there cannot be started: the system says "no such file" of the program
 * when it is the interpreter of its first line that is missing.
 */
import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { delimiter, isAbsolute, join, resolve } from 'node:path';
import type { Env } from './agent-env.ts';
import { oneLine } from './clean-output.ts';

const FIRST_LINE_MAX = 512;

/** A program as it is started. */
export interface ProgramPlace {
  readonly program: string;
  readonly cwd: string;
  readonly env: Env;
}

/** Why a program that is there was not found, or null when it is not there. */
export function explainUnstartable(place: ProgramPlace): string | null {
  const path = findProgram(place);
  return path === null
    ? null
    : (explainFirstLine(place) ??
        `${path} exists, but its loader or interpreter is missing (built for another system?)`);
}

/** What is wrong with the first line of a script, or null when nothing is. */
export function explainFirstLine(place: ProgramPlace): string | null {
  const { cwd, env } = place;
  const path = findProgram(place);
  const first = path === null ? null : firstLine(path);
  if (path === null || first?.startsWith('#!') !== true) return null;
  const [interpreter = '', ...args] = first.slice(2).trim().split(/\s+/);
  if (first.endsWith('\r'))
    return `the first line of ${path} ends with CRLF, so its interpreter is not found: save it with LF`;
  if (!existsSync(resolve(cwd, interpreter)))
    return `the interpreter ${oneLine(interpreter, 100)} in the first line of ${path} is missing`;
  const named = interpreter.endsWith('/env') ? args.find((word) => !/^-|=/.test(word)) : undefined;
  return named !== undefined && onPath(named, env) === null
    ? `the interpreter ${oneLine(named, 100)} in the first line of ${path} is not on the PATH of the agent`
    : null;
}

function findProgram({ program, cwd, env }: ProgramPlace): string | null {
  const path = program.includes('/') ? resolve(cwd, program) : onPath(program, env);
  return path !== null && existsSync(path) ? path : null;
}

function onPath(name: string, env: Env): string | null {
  const folders = (env['PATH'] ?? '').split(delimiter).filter((folder) => isAbsolute(folder));
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path)) ?? null;
}

function firstLine(path: string): string | null {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(FIRST_LINE_MAX);
      const count = readSync(file, bytes, 0, FIRST_LINE_MAX, 0);
      return bytes.subarray(0, count).toString('latin1').split('\n')[0] ?? '';
    } finally {
      closeSync(file);
    }
  } catch {
    return null;
  }
}
