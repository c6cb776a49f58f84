/**
 * Which agent programs this host has, in which version, and whether somebody has signed in to them.
 * For `init`, `models` and `doctor`.
 */
import { existsSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SECOND, type Clock } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Adapter, Detection } from './adapter.ts';
import { buildAgentEnv, withDirectoryOf, type OperatorEnv } from './agent-env.ts';
import { cleanOutput } from './clean-output.ts';
import { isExecutable } from './executable.ts';
import { runProcess } from './run-process.ts';

/** For `doctor`, which may take its time. */
export const PATIENT_MS = 15 * SECOND;
/** For commands that show something else as well. */
export const SHORT_MS = 5 * SECOND;
const VERSION_BYTES_MAX = 16_384;

/** Where installers put programs outside the PATH, below HOME and elsewhere. */
const HOME_DIRECTORIES = [
  '.local/bin',
  '.npm-global/bin',
  '.bun/bin',
  '.deno/bin',
  '.cargo/bin',
  '.volta/bin',
  '.opencode/bin',
  '.claude/local',
  'bin',
];
const SYSTEM_DIRECTORIES = [
  '/usr/local/bin',
  '/opt/homebrew/bin',
  '/home/linuxbrew/.linuxbrew/bin',
  '/snap/bin',
];

/** `unknown`: it may be kept where nothing can be seen, such as a keychain. */
export type SignedIn = 'yes' | 'no' | 'unknown';

/** One program that was found. */
export interface FoundAgent {
  readonly adapter: string;
  readonly path: string;
  /**
   * False: it is in none of the directories of PATH and no entry names its path, so an entry needs
   * `command: [<path>]`.
   */
  readonly onPath: boolean;
  readonly version: string | null;
  /** False: it did not answer the question for its version in time, or could not be started. */
  readonly answered: boolean;
  readonly signedIn: SignedIn;
  /** Somebody has signed in to the program itself, so it needs no key. */
  readonly login: boolean;
  /** Names of keys that the operator has set for it: what `env:` of an entry needs. */
  readonly env: readonly string[];
  /** What a person does to make it usable; null when nothing is known to be missing. */
  readonly advice: string | null;
}

export interface DetectionParts {
  readonly adapters: Readonly<Record<string, Adapter>>;
  readonly operatorEnv: OperatorEnv;
  readonly clock: Clock;
  /** How long a program may think about its version. */
  readonly limitMs: number;
  /** Searched besides PATH; the usual places when it is left out. */
  readonly extraDirectories?: readonly string[];
  /** Programs that entries name by their whole path. */
  readonly named?: readonly NamedProgram[];
}

/** A program as `command:` of an entry names it. */
export interface NamedProgram {
  readonly adapter: string;
  readonly path: string;
}

/**
 * Looks for every adapter's program and asks each one found for its version, all at once. In the
 * order of the adapters, those that are named last.
 */
export async function detectAgents(parts: DetectionParts): Promise<readonly FoundAgent[]> {
  const path = (parts.operatorEnv['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => directory !== '');
  const extra = parts.extraDirectories ?? usualDirectories(parts.operatorEnv['HOME'] ?? '');
  const places = Object.values(parts.adapters).flatMap((adapter) =>
    locate(adapter, { path, extra, named: parts.named ?? [] }),
  );
  const found = await Promise.all(places.map((place) => askAgent(place, parts)));
  return found.filter((agent) => agent !== null);
}

interface SearchFolder {
  readonly adapter: Adapter;
  readonly detection: Detection;
  readonly path: string;
  readonly onPath: boolean;
}

interface Places {
  readonly path: readonly string[];
  readonly extra: readonly string[];
  readonly named: readonly NamedProgram[];
}

function locate(adapter: Adapter, { path, extra, named }: Places): readonly SearchFolder[] {
  const { detection } = adapter;
  if (detection === null) return [];
  const own = named
    .filter((program) => program.adapter === adapter.name && isExecutable(program.path))
    .map((program) => program.path);
  const onPath = findExecutable(detection.executables, path);
  const usual = onPath ?? findExecutable(detection.executables, extra);
  // What stands beside the PATH does not matter where an entry says which one it means.
  const isWanted = usual !== null && !own.includes(usual) && (onPath !== null || own.length === 0);
  return [
    ...(isWanted ? [{ adapter, detection, path: usual, onPath: onPath !== null }] : []),
    ...[...new Set(own)].map((program) => ({ adapter, detection, path: program, onPath: true })),
  ];
}

async function askAgent(
  { adapter, detection, path, onPath }: SearchFolder,
  parts: DetectionParts,
): Promise<FoundAgent | null> {
  const said = await askVersion(path, adapter, parts);
  if (said !== null && detection.impostor?.test(said) === true) return null;
  const env = detection.keyNames.filter((name) => (parts.operatorEnv[name] ?? '') !== '');
  const files = detection.loginFiles(parts.operatorEnv);
  const login = files.some((file) => existsSync(file));
  const signedIn = login || env.length > 0 ? 'yes' : withoutSign(files);
  return {
    adapter: adapter.name,
    path,
    onPath,
    version: /\b\d+(?:\.\d+)+(?:[-+][\w.]*\w)?/.exec(said ?? '')?.[0] ?? null,
    answered: said !== null,
    signedIn,
    login,
    env,
    advice: signedIn === 'yes' ? null : detection.signIn,
  };
}

/** On macOS most of them keep their login in the keychain. */
function withoutSign(files: readonly string[]): SignedIn {
  return files.length === 0 || process.platform === 'darwin' ? 'unknown' : 'no';
}

function findExecutable(names: readonly string[], directories: readonly string[]): string | null {
  const paths = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  return paths.find(isExecutable) ?? null;
}

/** How many programs this process has asked. */
let asked = 0;

/** What it says of its version; null when it does not start or end in time. */
async function askVersion(
  path: string,
  { name }: Pick<Adapter, 'name'>,
  { operatorEnv, clock, limitMs }: DetectionParts,
): Promise<string | null> {
  // Its own name for each: anyone who ends first looks for what is left under its name, and would
  // end another program that is being asked.
  asked += 1;
  const env = buildAgentEnv({
    operator: withDirectoryOf(operatorEnv, path),
    names: [],
    adapter: {},
    extra: {},
    tmpDir: tmpdir(),
    attemptId: `detect-${name}-${process.pid}-${asked}`,
  });
  const end = await runProcess(
    {
      program: path,
      args: ['--version'],
      cwd: tmpdir(),
      env,
      input: '',
      timeoutMs: limitMs,
      idleTimeoutMs: null,
      stdoutBytesMax: VERSION_BYTES_MAX,
      graceMs: SECOND,
    },
    clock,
  );
  return end.kind === 'ended' && end.cause === 'exited'
    ? `${cleanOutput(end.stdout).text}\n${cleanOutput(end.stderr).text}`
    : null;
}

function usualDirectories(home: string): readonly string[] {
  const below = HOME_DIRECTORIES.map((directory) => join(home, directory));
  const node = join(home, '.nvm', 'versions', 'node');
  return home === ''
    ? SYSTEM_DIRECTORIES
    : [
        ...below,
        ...listVersions(node).map((version) => join(node, version, 'bin')),
        ...SYSTEM_DIRECTORIES,
      ];
}

/** The newest version first. */
function listVersions(directory: string): readonly string[] {
  const key = (version: string): string =>
    version.replace(/\d+/g, (digits) => digits.padStart(6, '0'));
  try {
    return readdirSync(directory).sort((a, b) => byCodeUnit(key(b), key(a)));
  } catch {
    return [];
  }
}
