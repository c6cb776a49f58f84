/** The first commit of a transport: its files, and the bare repository that it may get. */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { fixBy, withNote } from '../../base/fix.ts';
import { formatTransport, type Pace } from '../../protocol/pace.ts';
import { MODELS_FILE, TRANSPORT_FILE, VERSION_FILE } from '../../protocol/paths.ts';
import { formatVersionFile, type RemoteTraits } from '../../protocol/remote-traits.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit, type PersonGit } from '../session/person-git.ts';
import { listTemplate } from '../template-files.ts';
import type { FirstModels } from './first-models.ts';
import type { Made } from './make-clone.ts';

export async function makeRemote(
  path: string,
  branch: string,
  { env, made }: { readonly env: Invocation['env']; readonly made: Made },
): Promise<void> {
  await made.directory(path);
  const git = openPersonGit(path, env);
  await git.raw(['init', '--quiet', '--bare', `--initial-branch=${branch}`]);
  // The last one is for hosts with `partial-cache`.
  for (const key of [
    'receive.denyNonFastForwards',
    'receive.denyDeletes',
    'receive.fsckObjects',
    'transfer.fsckObjects',
    'uploadpack.allowFilter',
  ])
    await git.raw(['config', key, 'true']);
}

export async function writeTemplate(
  directory: string,
  parts: {
    readonly models: FirstModels;
    readonly traits: RemoteTraits;
    readonly pace: Pace;
  },
): Promise<readonly string[]> {
  const written: string[] = [];
  const put = async (path: string, write: (target: string) => Promise<void>): Promise<void> => {
    const target = join(directory, path);
    if (existsSync(target)) return;
    await mkdir(dirname(target), { recursive: true });
    await write(target);
    written.push(path);
  };
  await put(VERSION_FILE, (target) => writeFile(target, formatVersionFile(parts.traits)));
  await put(MODELS_FILE, (target) => writeFile(target, parts.models.text));
  if (parts.pace.limits !== null)
    await put(TRANSPORT_FILE, (target) => writeFile(target, formatTransport(parts.pace)));
  for (const { path, source } of await listTemplate())
    await put(path, (target) => copyFile(source, target));
  return written;
}

export async function commit(
  git: PersonGit,
  made: {
    readonly directory: string;
    readonly written: readonly string[];
    readonly branch: string;
  },
): Promise<void> {
  const identity = await identityOptions(git);
  try {
    await git.raw(['add', '--', ...made.written]);
    await git.raw([
      ...identity,
      'commit',
      '--quiet',
      '--no-verify',
      '--no-gpg-sign',
      '-m',
      `Begin the conversation\n\ncrosstalkd init ${basename(made.directory)}`,
    ]);
    await git.raw([
      'push',
      '--quiet',
      '--no-verify',
      '--set-upstream',
      'origin',
      `HEAD:refs/heads/${made.branch}`,
    ]);
  } catch (error) {
    throw new CrosstalkError(
      'REFUSED',
      `the first commit could not be pushed: ${errorText(error).trim()}`,
      {
        fix: withNote(fixBy`crosstalkd doctor`, 'in a clone of it, then the same command again'),
      },
    );
  }
}

/**
 * A machine without a git identity still gets its transport; a person who has one signs with it.
 */
async function identityOptions(git: PersonGit): Promise<readonly string[]> {
  const email = await git.raw(['config', '--get', 'user.email']).catch(() => '');
  return email.trim() === ''
    ? ['-c', 'user.name=crosstalkd init', '-c', 'user.email=init@crosstalk']
    : [];
}
