/**
 * Which transport a command is about: a URL, or the clone that a directory lies in. Only reads;
 * simple-git does the asking.
 */
import { existsSync, statSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit } from './person-git.ts';
import { findPlace, hasMailbox, projectName } from './project.ts';

/** A transport as found: where its remote is, and the clone it was found in, if any. */
export interface Located {
  readonly url: string;
  /** Short name of the branch; null = the remote's default one. */
  readonly branch: string | null;
  readonly clone: string | null;
  /** The project whose mailbox it is, and the command was started in. */
  readonly project: { readonly name: string; readonly directory: string } | null;
}

/**
 * The transport that `where` (a directory or URL) or else `cwd` belongs to. Throws NOT_A_TRANSPORT
 * saying what was looked for.
 */
export async function locateTransport(
  where: string | null,
  { cwd, env }: Pick<Invocation, 'cwd' | 'env'>,
): Promise<Located> {
  if (where !== null && isUrl(where))
    return { url: where, branch: null, clone: null, project: null };
  const start = resolve(cwd, where ?? '.');
  // A path that is not there may be a remote that is not there now: asking it gives the right
  // error.
  if (where !== null && !existsSync(start))
    return { url: start, branch: null, clone: null, project: null };
  if (!existsSync(start) || !statSync(start).isDirectory())
    throw notATransport(`there is no directory ${start}`);
  if (isBareRepository(start)) return { url: start, branch: null, clone: null, project: null };
  const place = findPlace(start);
  if (place.kind === 'none') throw notATransport(`no ${VERSION_FILE} in ${start} or above it`);
  if (place.kind === 'clone')
    return { ...(await locateRemote(place.directory, env)), project: null };
  const { project } = place;
  if (!hasMailbox(project))
    throw new CrosstalkError(
      'NOT_A_TRANSPORT',
      `the repository ${project.directory} has no mailbox yet`,
      { fix: 'crosstalkd join   (when its remote has one), or: crosstalkd init' },
    );
  const located = await locateRemote(project.mailbox, env);
  const name = projectName(project, located.url);
  return { ...located, project: { name, directory: project.directory } };
}

/** True for what can only be a remote: a scheme or `user@host:path`. */
export function isUrl(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(text) || /^[\w.-]+@[\w.-]+:/.test(text);
}

/** True for a bare repository by its look. */
export function isBareRepository(directory: string): boolean {
  return (
    existsSync(join(directory, 'HEAD')) &&
    existsSync(join(directory, 'objects')) &&
    existsSync(join(directory, 'refs'))
  );
}

async function locateRemote(
  clone: string,
  env: Invocation['env'],
): Promise<Omit<Located, 'project'>> {
  const git = openPersonGit(clone, env, 10_000);
  const ask = async (...args: string[]): Promise<string | null> => {
    try {
      const said = (await git.raw(args)).trim();
      return said === '' ? null : said;
    } catch (error) {
      if (/spawn git ENOENT/.test(errorText(error)))
        throw new CrosstalkError('GIT_UNUSABLE', 'the program git is not on the PATH', {
          fix: 'git --version   (install it, or correct PATH)',
          cause: error,
        });
      if (/dubious ownership/.test(errorText(error)))
        throw new CrosstalkError(
          'GIT_UNUSABLE',
          `git refuses to read ${clone}: ${errorText(error)}`,
          {
            fix: `git config --global --add safe.directory ${clone}`,
          },
        );
      return null;
    }
  };
  // Every command waits for these, so all are asked at once. Nearly always it is origin.
  const [branch, branches, origin] = await Promise.all([
    ask('symbolic-ref', '--quiet', '--short', 'HEAD'),
    ask('config', '--null', '--get-regexp', '^branch\\..*\\.(remote|merge)$'),
    ask('remote', 'get-url', '--', 'origin'),
  ]);
  const settings = new Map((branches ?? '').split('\0').map((setting) => splitSetting(setting)));
  const configured = settings.get(`branch.${branch ?? ''}.remote`);
  const merge = settings.get(`branch.${branch ?? ''}.merge`);
  const remote = configured ?? 'origin';
  const url = remote === 'origin' ? origin : await ask('remote', 'get-url', '--', remote);
  // Without a remote the repository is its own: git's locks on its branch decide who was first.
  if (url === null && configured === undefined) return { url: join(clone, '.git'), branch, clone };
  if (url === null)
    throw new CrosstalkError('NOT_A_TRANSPORT', `the clone ${clone} has no remote "${remote}"`, {
      fix: `git remote add ${remote} <url>`,
    });
  return {
    url: isUrl(url) || isAbsolute(url) ? url : resolve(clone, url),
    branch: merge?.replace(/^refs\/heads\//, '') ?? branch,
    clone,
  };
}

/** `key\nvalue`, as git config prints it. */
function splitSetting(setting: string): readonly [key: string, value: string] {
  const end = setting.indexOf('\n');
  return [setting.slice(0, end), setting.slice(end + 1)];
}

function notATransport(why: string): CrosstalkError {
  return new CrosstalkError('NOT_A_TRANSPORT', `not a crosstalk transport: ${why}`, {
    fix: 'crosstalkd init <dir>   (or: crosstalkd join <url>, or -C <dir>)',
  });
}
