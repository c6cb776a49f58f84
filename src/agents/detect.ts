/** Which agent programs this host has, in which version, and whether somebody has signed in to them. For `init`, `models` and `doctor`. */
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { SECOND, type Clock } from '../base/clock.ts';
import { byCodeUnit } from '../base/order.ts';
import type { Adapter, Detection } from './adapter.ts';
import { buildAgentEnv, withDirectoryOf, type OperatorEnv } from './agent-env.ts';
import { cleanOutput } from './clean-output.ts';
import { runProcess } from './run-process.ts';

const VERSION_TIMEOUT_MS = 15 * SECOND;
const VERSION_BYTES_MAX = 16_384;

/** Where installers put programs although no PATH says so, below HOME and elsewhere. */
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
const SYSTEM_DIRECTORIES = ['/usr/local/bin', '/opt/homebrew/bin', '/home/linuxbrew/.linuxbrew/bin', '/snap/bin'];

/** `unknown`: it may be kept where nothing can be seen, such as a keychain. */
export type SignedIn = 'yes' | 'no' | 'unknown';

/** One program that was found. */
export interface FoundAgent {
  readonly adapter: string;
  /** False: the adapter was built from documentation alone. */
  readonly verified: boolean;
  readonly path: string;
  /** False: it is in none of the directories of PATH, so an entry needs `command: [<path>]`. */
  readonly onPath: boolean;
  readonly version: string | null;
  readonly signedIn: SignedIn;
  /** Names of keys that the operator has set for it: what `env:` of an entry needs. */
  readonly env: readonly string[];
  /** What a person does to make it usable; null when nothing is known to be missing. */
  readonly advice: string | null;
}

export interface DetectionParts {
  readonly adapters: Readonly<Record<string, Adapter>>;
  readonly operatorEnv: OperatorEnv;
  readonly clock: Clock;
  /** Searched besides PATH; the usual places when it is left out. */
  readonly extraDirectories?: readonly string[];
}

/** Looks for every adapter's program and asks each one found for its version, all at once. In the order of the adapters. */
export async function detectAgents(parts: DetectionParts): Promise<readonly FoundAgent[]> {
  const path = (parts.operatorEnv['PATH'] ?? '').split(delimiter).filter((directory) => directory !== '');
  const places = { path, extra: parts.extraDirectories ?? usualDirectories(parts.operatorEnv['HOME'] ?? '') };
  const found = await Promise.all(Object.values(parts.adapters).map((adapter) => detectAgent(adapter, { parts, places })));
  return found.filter((agent) => agent !== null);
}

interface Places {
  readonly path: readonly string[];
  readonly extra: readonly string[];
}

async function detectAgent(adapter: Adapter, { parts, places }: { parts: DetectionParts; places: Places }): Promise<FoundAgent | null> {
  const { detection } = adapter;
  if (detection === null) return null;
  const onPath = findExecutable(detection.executables, places.path);
  const path = onPath ?? findExecutable(detection.executables, places.extra);
  if (path === null) return null;
  const said = await askVersion({ path, adapter: adapter.name, args: detection.versionArgs }, parts);
  if (detection.impostor?.test(said) === true) return null;
  const env = detection.keyNames.filter((name) => (parts.operatorEnv[name] ?? '') !== '');
  const signedIn = isSignedIn(detection, { env, operatorEnv: parts.operatorEnv });
  return {
    adapter: adapter.name,
    verified: adapter.verified,
    path,
    onPath: onPath !== null,
    version: /\d+(?:\.\d+)+(?:[-+][\w.]*\w)?/.exec(said)?.[0] ?? null,
    signedIn,
    env,
    advice: signedIn === 'yes' ? null : detection.signIn,
  };
}

function isSignedIn(detection: Detection, { env, operatorEnv }: { env: readonly string[]; operatorEnv: OperatorEnv }): SignedIn {
  const files = detection.loginFiles(operatorEnv);
  if (env.length > 0 || files.some((file) => existsSync(file))) return 'yes';
  // On macOS most of them keep their login in the keychain.
  return files.length === 0 || process.platform === 'darwin' ? 'unknown' : 'no';
}

function findExecutable(names: readonly string[], directories: readonly string[]): string | null {
  const paths = names.flatMap((name) => directories.map((directory) => join(directory, name)));
  return paths.find(isExecutable) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

interface VersionQuestion {
  readonly path: string;
  readonly adapter: string;
  readonly args: readonly string[];
}

/** What it says of its version; an empty text when it does not start or end in time. */
async function askVersion({ path, adapter, args }: VersionQuestion, { operatorEnv, clock }: DetectionParts): Promise<string> {
  const env = buildAgentEnv({
    operator: withDirectoryOf(operatorEnv, path),
    names: [],
    adapter: {},
    extra: {},
    tmpDir: tmpdir(),
    attemptId: `detect-${adapter}-${String(process.pid)}`,
  });
  const end = await runProcess(
    {
      program: path,
      args,
      cwd: tmpdir(),
      env,
      input: '',
      timeoutMs: VERSION_TIMEOUT_MS,
      idleTimeoutMs: null,
      stdoutBytesMax: VERSION_BYTES_MAX,
      graceMs: SECOND,
    },
    clock,
  );
  return end.kind === 'ended' ? `${cleanOutput(end.stdout).text}\n${cleanOutput(end.stderr).text}` : '';
}

function usualDirectories(home: string): readonly string[] {
  const below = HOME_DIRECTORIES.map((directory) => join(home, directory));
  const node = join(home, '.nvm', 'versions', 'node');
  return home === ''
    ? SYSTEM_DIRECTORIES
    : [...below, ...listVersions(node).map((version) => join(node, version, 'bin')), ...SYSTEM_DIRECTORIES];
}

/** The newest version first. */
function listVersions(directory: string): readonly string[] {
  const key = (version: string): string => version.replace(/\d+/g, (digits) => digits.padStart(6, '0'));
  try {
    return readdirSync(directory).sort((a, b) => byCodeUnit(key(b), key(a)));
  } catch {
    return [];
  }
}
