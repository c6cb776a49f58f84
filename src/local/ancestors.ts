/**
 * Whether this process was started, through however many others, by an agent of a dispatcher. Its
 * own environment proves nothing: an agent can clear that. What its ancestors were started with it
 * cannot.
 */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { askSystem } from './process-identity.ts';

/** A process on the way from this one up to the first of the system. */
export interface Ancestor {
  readonly pid: number;
  /** Program and arguments. */
  readonly words: readonly string[];
  /** What it was started with; empty where the system does not let us see. */
  readonly env: Readonly<Record<string, string>>;
}

/** The variable that every process of an attempt inherits. */
const MARKER = 'CROSSTALK_RUN';
const MODEL = 'CROSSTALK_MODEL';
const PREFIX = 'CROSSTALK_';
/** Longer chains are not followed. */
const DEPTH_MAX = 256;

/**
 * `person`: nothing of a dispatcher is above. `agent`: with the CROSSTALK_ variables that the
 * dispatcher gave it; empty when they cannot be seen.
 */
export type Caller =
  | { readonly kind: 'person' }
  | { readonly kind: 'agent'; readonly env: Readonly<Record<string, string>> };

/** Who called, by the environment of this process and by what is above it, the nearest first. */
export function judgeCaller(
  own: Readonly<Record<string, string | undefined>>,
  ancestors: readonly Ancestor[],
): Caller {
  // The dispatcher gave its own child the true value; those below may have changed it.
  const at = ancestors.findIndex(({ words }) => isDispatcher(words));
  const below = at < 0 ? ancestors : ancestors.slice(0, at);
  const told = below.findLast(({ env }) => present(env[MARKER]))?.env;
  if (told !== undefined) return { kind: 'agent', env: told };
  if (present(own[MARKER]) || present(own[MODEL])) return { kind: 'agent', env: ownNames(own) };
  return at < 0 ? { kind: 'person' } : { kind: 'agent', env: {} };
}

function present(value: string | undefined): boolean {
  return value !== undefined && value !== '';
}

/** A command line such as `node …/crosstalkd.js run …`. */
function isDispatcher(words: readonly string[]): boolean {
  const at = words.findIndex((word) => /^crosstalkd(\.js)?$/.test(basename(word)));
  const isStarted = at === 0 || (at > 0 && /^(node|bun)/.test(basename(words[0] ?? '')));
  return isStarted && words.slice(at + 1).includes('run');
}

function ownNames(
  env: Readonly<Record<string, string | undefined>>,
): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      name.startsWith(PREFIX) && value !== undefined ? [[name, value] as const] : [],
    ),
  );
}

/** The ancestors of a process, the nearest first. Never throws: what cannot be seen is missing. */
export async function readAncestors(pid: number): Promise<readonly Ancestor[]> {
  return (await readFromProc(pid)) ?? (await readFromPs(pid));
}

async function readFromProc(pid: number): Promise<readonly Ancestor[] | null> {
  const found: Ancestor[] = [];
  let at = await parentOf(pid);
  if (at === null) return null;
  for (let depth = 0; at !== null && at > 0 && depth < DEPTH_MAX; depth += 1) {
    const [words, environ] = await Promise.all(
      ['cmdline', 'environ'].map(async (name) =>
        (await readFile(`/proc/${at}/${name}`, 'utf8').catch(() => '')).split('\0'),
      ),
    );
    found.push({ pid: at, words: (words ?? []).slice(0, -1), env: parseNames(environ ?? []) });
    at = await parentOf(at);
  }
  return found;
}

async function parentOf(pid: number): Promise<number | null> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null);
  const field = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
  return field === undefined ? null : Number(field);
}

/** Where there is no /proc: `ps` prints the environment behind the arguments. */
async function readFromPs(pid: number): Promise<readonly Ancestor[]> {
  const table = await askSystem('ps', ['-A', '-o', 'pid=,ppid=']);
  const chain = parsePsChain(table ?? '', pid);
  if (chain.length === 0) return [];
  const told = await askSystem('ps', ['eww', '-o', 'pid=,command=', '-p', chain.join(',')]);
  return parsePsCommands(told ?? '', chain);
}

/** The ancestors' ids, the nearest first, out of lines of `pid ppid`. */
export function parsePsChain(table: string, pid: number): readonly number[] {
  const parents = new Map(
    table.split('\n').flatMap((line) => {
      const [child, parent] = line.trim().split(/\s+/).map(Number);
      return child === undefined || parent === undefined ? [] : [[child, parent] as const];
    }),
  );
  const chain: number[] = [];
  for (let at = parents.get(pid); at !== undefined && at > 0; at = parents.get(at)) {
    if (chain.includes(at)) break;
    chain.push(at);
  }
  return chain;
}

/** Lines of `pid program argument … NAME=value …`, in the order of the chain. */
export function parsePsCommands(told: string, chain: readonly number[]): readonly Ancestor[] {
  const byPid = new Map(
    told.split('\n').map((line) => {
      const [pid, ...words] = line.trim().split(/\s+/);
      return [Number(pid), { pid: Number(pid), words, env: parseNames(words) }] as const;
    }),
  );
  return chain.flatMap((pid) => byPid.get(pid) ?? []);
}

function parseNames(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.flatMap((word) => {
      const equals = word.indexOf('=');
      return word.startsWith(PREFIX) && equals > 0
        ? [[word.slice(0, equals), word.slice(equals + 1)] as const]
        : [];
    }),
  );
}
