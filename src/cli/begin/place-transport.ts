/**
 * Where `init` puts a transport: the directory of the clone, the remote, the branch. Nothing is
 * made here; what cannot be is refused before anything is.
 */
import { existsSync, readdirSync } from 'node:fs';
import { resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { type Invocation, option } from '../command.ts';
import { addressIn, isBareRepository } from '../session/locate.ts';
import { openPersonGit } from '../session/person-git.ts';
import {
  findPlace,
  hasMailbox,
  MAILBOX_BRANCH,
  OWN_REPOSITORY,
  type Project,
} from '../session/project.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { startDirectory } from '../look/reading.ts';
import { fixBy } from '../../base/fix.ts';

export interface TransportPlace {
  readonly directory: string;
  /** As the clone names it; absolute, or `..` from a mailbox to its own project. */
  readonly url: string;
  /** The bare repository that is to be made for it, or null. */
  readonly newRemote: string | null;
  /** Null = chosen when it is known what the remote has. */
  readonly branch: string | null;
  readonly project: Project | null;
}

/** Inside a repository without `[dir]` its mailbox, else its own directory. */
export async function placeTransport(invocation: Invocation): Promise<TransportPlace> {
  const start = startDirectory(invocation);
  const [given] = invocation.args;
  const place = given === undefined && existsSync(start) ? findPlace(start) : null;
  if (place?.kind === 'project') return placeMailbox(invocation, place.project);
  const directory = resolve(start, given ?? '.');
  refuseOccupied(directory);
  const remote = option(invocation, 'remote');
  const newRemote = remote === null ? `${directory}.git` : null;
  if (newRemote !== null && existsSync(newRemote))
    throw new CrosstalkError('ALREADY_EXISTS', `${newRemote} exists`, {
      fix: fixBy`crosstalkd init DIR --remote ${newRemote}`,
    });
  const url = newRemote ?? addressIn(invocation.cwd, remote ?? '');
  return { directory, url, newRemote, branch: option(invocation, 'branch'), project: null };
}

/** The remote of a project that its mailbox goes to. Throws USAGE when it cannot be told. */
export async function remoteOf(invocation: Invocation, { directory }: Project): Promise<string> {
  const asked = option(invocation, 'remote');
  const git = openPersonGit(directory, invocation.env, 10_000);
  const ask = (...args: readonly string[]): Promise<string> =>
    git.raw([...args]).then(
      (said) => said.trim(),
      () => '',
    );
  const names = (await ask('remote')).split('\n').filter((name) => name !== '');
  if (asked !== null && !names.includes(asked)) return addressIn(invocation.cwd, asked);
  const branch = await ask('symbolic-ref', '--quiet', '--short', 'HEAD');
  const configured = await ask('config', '--get', `branch.${branch}.remote`);
  const name =
    asked ??
    [configured, 'origin', ...(names.length === 1 ? names : [])].find((one) => names.includes(one));
  if (name === undefined && names.length > 0)
    throw new CrosstalkError('USAGE', `which remote: ${names.join(', ')}?`, {
      fix: fixBy`crosstalkd init --remote ${names[0] ?? 'origin'}`,
    });
  if (name === undefined) return OWN_REPOSITORY;
  // As it is written down: git rewrites it (`insteadOf`) wherever it is used.
  const [url = ''] = (await ask('config', '--get-all', `remote.${name}.url`)).split('\n');
  return addressIn(directory, url);
}

async function placeMailbox(invocation: Invocation, project: Project): Promise<TransportPlace> {
  if (hasMailbox(project))
    throw new CrosstalkError(
      'ALREADY_EXISTS',
      `${project.directory} already has a mailbox: ${project.mailbox}`,
      { fix: 'crosstalkd status' },
    );
  return {
    directory: project.mailbox,
    url: await remoteOf(invocation, project),
    newRemote: null,
    branch: option(invocation, 'branch') ?? MAILBOX_BRANCH,
    project,
  };
}

/** Where git itself would look, seen from the directory of the clone. */
export function urlFrom({ directory, url }: Pick<TransportPlace, 'directory' | 'url'>): string {
  return url === OWN_REPOSITORY ? resolve(directory, OWN_REPOSITORY) : url;
}

function refuseOccupied(directory: string): void {
  let names: readonly string[];
  try {
    names = existsSync(directory) ? readdirSync(directory) : [];
  } catch (error) {
    throw new CrosstalkError('USAGE', `${directory}: ${errorText(error)}`, {
      fix: fixBy`crosstalkd init NEW-DIRECTORY`,
    });
  }
  if (isBareRepository(directory))
    throw new CrosstalkError(
      'ALREADY_EXISTS',
      `${directory} is a bare repository: use it as a remote, and work in a clone of it`,
      { fix: fixBy`crosstalkd init NEW-DIRECTORY --remote ${directory}` },
    );
  if (names.includes(VERSION_FILE))
    throw new CrosstalkError('ALREADY_EXISTS', `${directory} is already a clone of a transport`, {
      fix: fixBy`crosstalkd status -C ${directory}`,
    });
  if (names.length > 0)
    throw new CrosstalkError('ALREADY_EXISTS', `${directory} is not empty`, {
      fix: fixBy`crosstalkd init NEW-DIRECTORY`,
    });
}
