/**
 * Where this host remembers one transport: `<state root>/<16 hex of remote and root commit>/`. Two
 * transports never share one.
 */
import { createHash } from 'node:crypto';
import { realpath, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { isAbsolute, join, normalize, resolve } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import type { Random } from '../base/random.ts';
import { attempt, ensurePrivateDirectory, readTextFile, writeDurableFile } from './durable-file.ts';
import { readBootId } from './process-identity.ts';
import { fixBy, withNote } from '../base/fix.ts';

/** The environment as a record: read in cli/, handed in. */
export type Env = Readonly<Record<string, string | undefined>>;

/** What makes a transport this one. */
export interface TransportIdentity {
  readonly remoteUrl: string;
  /** Object id of the first commit of the branch. */
  readonly rootCommit: string;
}

/** The paths of one state directory. Nothing outside this file spells them. */
export interface StateDirectory {
  readonly path: string;
  readonly idFile: string;
  readonly journalFile: string;
  readonly checkpointFile: string;
  readonly restsFile: string;
  /** Why a mirror does not take the branch; there while that is so. */
  readonly mirrorTroubleFile: string;
  readonly outbox: string;
  /** Output that came too late to be a reply. */
  readonly late: string;
  readonly logFile: string;
  /** The bare repository of transport/; disposable. */
  readonly cache: string;
  /** Empty working directories of attempts. */
  readonly scratch: string;
  /** What attempts printed. */
  readonly transcripts: string;
  /** Working directories that stay, for programs that keep sessions by directory. */
  readonly sessions: string;
  /** What programs reported of their sessions. */
  readonly sessionUsageFile: string;
  /** What everybody said, to be looked through. */
  readonly textIndexFile: string;
}

/**
 * The folder that holds all state directories: the option, then CROSSTALK_STATE_DIR, then XDG, then
 * `~/.local/state/crosstalk`.
 */
export function stateRoot(option: string | null, env: Env): string {
  const chosen = option ?? present(env['CROSSTALK_STATE_DIR']);
  if (chosen !== null) return resolve(chosen);
  const xdg = present(env['XDG_STATE_HOME']);
  return xdg !== null && isAbsolute(xdg)
    ? join(xdg, 'crosstalk')
    : join(homeOf(env), '.local', 'state', 'crosstalk');
}

/** The home directory: `HOME`, or what the system knows of the user. */
export function homeOf(env: Env): string {
  return present(env['HOME']) ?? homedir();
}

/** The value of a variable; an empty one counts as not set (XDG says so). */
export function present(value: string | undefined): string | null {
  return value === undefined || value === '' ? null : value;
}

/** 16 hex that stand for a transport in state and approvals. */
export function transportId(transport: TransportIdentity): string {
  const text = `${normalizeRemoteUrl(transport.remoteUrl)}\n${transport.rootCommit}`;
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

const DEFAULT_PORTS: Readonly<Record<string, string>> = {
  'https:': '443',
  'http:': '80',
  'ssh:': '22',
};

/**
 * One spelling of a remote: no password, lower-case host, no default port, no trailing slash,
 * `git@host:path` as ssh. `.git` is dropped from network addresses only: on a disk `x` and `x.git`
 * are often a clone and its remote.
 */
export function normalizeRemoteUrl(url: string): string {
  const text = url.trim();
  const scp = /^(?:([\w.-]+)@)?([\w.-]+):(?!\/\/)(.+)$/.exec(text);
  if (scp !== null && !isAbsolute(text))
    return normalizeNetworkUrl(`ssh://${scp[1] ?? 'git'}@${scp[2] ?? ''}/${scp[3] ?? ''}`);
  if (/^file:\/\//i.test(text))
    return trimSlashes(normalize(safeDecode(text.slice('file://'.length))));
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text)
    ? normalizeNetworkUrl(text)
    : trimSlashes(normalize(text));
}

function normalizeNetworkUrl(text: string): string {
  const match =
    /^([a-z][a-z0-9+.-]*:)\/\/(?:([^@/]*)@)?([^/:]*|\[[^\]]*\])(?::(\d+))?(\/.*)?$/i.exec(text);
  if (match === null) return trimSlashes(text);
  const scheme = (match[1] ?? '').toLowerCase();
  const user = scheme === 'ssh:' ? `${(match[2] ?? 'git').split(':')[0] ?? ''}@` : '';
  const port = match[4] === undefined || match[4] === DEFAULT_PORTS[scheme] ? '' : `:${match[4]}`;
  const path = trimSlashes((match[5] ?? '').replace(/\/{2,}/g, '/')).replace(/\.git$/, '');
  return `${scheme}//${user}${(match[3] ?? '').toLowerCase()}${port}${path}`;
}

function trimSlashes(text: string): string {
  return text.length > 1 ? text.replace(/(?<!\/)\/+$/, '') : text;
}

function safeDecode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The paths for a transport below `root`; makes nothing. */
export function locateStateDirectory(root: string, transport: TransportIdentity): StateDirectory {
  const path = join(root, transportId(transport));
  const at = (name: string): string => join(path, name);
  return {
    path,
    idFile: at('state-id'),
    journalFile: at('journal'),
    checkpointFile: at('checkpoint'),
    restsFile: at('rests'),
    mirrorTroubleFile: at('mirror-trouble'),
    outbox: at('outbox'),
    late: at('late'),
    logFile: at('log.jsonl'),
    cache: at('cache.git'),
    scratch: at('scratch'),
    transcripts: at('transcripts'),
    sessions: at('sessions'),
    sessionUsageFile: at('session-usage.json'),
    textIndexFile: at('texts'),
  };
}

/**
 * Makes the state directory and its folders, private to this user. Throws STATE_UNUSABLE with the
 * path and the fix when it cannot.
 */
export async function makeStateDirectory(directory: StateDirectory): Promise<void> {
  for (const path of [directory.path, directory.outbox, directory.late])
    await ensurePrivateDirectory(path);
}

/**
 * 12 hex that name this directory on this boot: another boot, a copy, a restored or moved directory
 * has another. Needs the lock, because the first call writes the directory's random id.
 */
export async function readInstance(directory: StateDirectory, random: Random): Promise<string> {
  const id = await ensureStateId(directory, random);
  const parts = await attempt(directory.path, async () => [
    id,
    await realpath(directory.path),
    String((await stat(directory.path)).ino),
    String((await stat(directory.idFile)).ino),
    await readBootId(),
  ]);
  return createHash('sha256').update(parts.join('\n')).digest('hex').slice(0, 12);
}

async function ensureStateId(directory: StateDirectory, random: Random): Promise<string> {
  const found = (await readTextFile(directory.idFile))?.trim();
  if (found !== undefined && /^[0-9a-f]{32}$/.test(found)) return found;
  if (found !== undefined)
    throw new CrosstalkError(
      'STATE_UNUSABLE',
      `${directory.idFile}: found ${JSON.stringify(found.slice(0, 40))}; expected 32 hex digits.`,
      {
        fix: withNote(
          fixBy`rm ${directory.idFile}`,
          'a new one is made; claims of the old one expire on their own',
        ),
      },
    );
  const id = random.hex(16);
  await writeDurableFile(directory.idFile, `${id}\n`);
  return id;
}

/** A directory as a person writes it, with `~` as the home. */
export function expandHome(directory: string, home: string): string {
  return directory.replace(/^~(?=\/|$)/, home);
}
