/**
 * Which transport a command is about: a URL, or the clone that a directory lies in. Only reads;
 * simple-git does the asking.
 */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';
import { isScpForm } from '../../transport/git-environment.ts';
import type { Invocation } from '../command.ts';
import {
  joinAccess,
  OF_REMOTES,
  openUrl,
  pinUrl,
  type RemoteAccess,
  shownUrl,
} from '../../transport/remote-url.ts';
import { type GitSettings, LIST_SETTINGS, listElsewhere, parseSettings } from './git-settings.ts';
import { openPersonGit } from './person-git.ts';
import { nameProject } from './find-projects.ts';
import { findPlace, hasMailbox } from './project.ts';
import { fixBy, orElse, withNote } from '../../base/fix.ts';

/**
 * A transport as found: where its remote is (an address without passwords), and the clone it was
 * found in, if any.
 */
export interface Located {
  readonly url: string;
  /** Short name of the branch; null = the remote's default one. */
  readonly branch: string | null;
  readonly clone: string | null;
  /** Where pushes go, when the clone says so; null = the same. */
  readonly pushUrl: string | null;
  /** What the clone's own configuration and passwords in addresses add; never shown. */
  readonly access: RemoteAccess;
  /** What git is told in the clone; null where there is none. */
  readonly settings: GitSettings | null;
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
  if (where !== null && isUrl(where, cwd)) return locatedAt(where);
  const start = resolve(cwd, where ?? '.');
  // A path that is not there may be a remote that is not there now: asking it gives the right
  // error.
  if (where !== null && !existsSync(start)) return locatedAt(start);
  if (!existsSync(start) || !statSync(start).isDirectory())
    throw notATransport(`there is no directory ${start}`);
  if (isBareRepository(start)) return locatedAt(start);
  const place = findPlace(start);
  if (place.kind === 'none') throw notATransport(`no ${VERSION_FILE} in ${start} or above it`);
  if (place.kind === 'clone')
    return { ...(await locateRemote(place.directory, env)), project: null };
  const { project } = place;
  if (!hasMailbox(project))
    throw new CrosstalkError(
      'NOT_A_TRANSPORT',
      `the repository ${project.directory} has no mailbox yet`,
      { fix: orElse(fixBy`crosstalkd join`, fixBy`crosstalkd init`) },
    );
  const located = await locateRemote(project.mailbox, env);
  const name = await nameProject(project.directory, { url: located.url, env });
  return { ...located, project: { name, directory: project.directory } };
}

/** Whether a text given in a folder is a remote, by git's rule: `a:b` is a host, or a file here. */
export function isUrl(text: string, cwd: string): boolean {
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) return true;
  return isScpForm(text) && !existsSync(resolve(cwd, text));
}

/** The address that a text means in a folder; options and `ext::…` are left to be refused. */
export function addressIn(cwd: string, text: string): string {
  const isNoPath = isUrl(text, cwd) || text.startsWith('-') || /^[\w+.-]+::/.test(text);
  return isNoPath ? text : resolve(cwd, text);
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
  const ask = async (...args: readonly string[]): Promise<string | null> => {
    try {
      const said = (await git.raw(args)).trim();
      return said === '' ? null : said;
    } catch (error) {
      if (/spawn git ENOENT/.test(errorText(error)))
        throw new CrosstalkError('GIT_UNUSABLE', 'the program git is not on the PATH', {
          fix: withNote(fixBy`git --version`, 'install it, or correct PATH'),
          cause: error,
        });
      if (/dubious ownership/.test(errorText(error)))
        throw new CrosstalkError(
          'GIT_UNUSABLE',
          `git refuses to read ${clone}: ${errorText(error)}`,
          { fix: fixBy`git config --global --add safe.directory ${clone}` },
        );
      return null;
    }
  };
  // Every command waits for these, so all are asked at once.
  const [branch, listed, remotes] = await Promise.all([
    ask('symbolic-ref', '--quiet', '--short', 'HEAD'),
    ask(...LIST_SETTINGS),
    ask('remote', '--verbose'),
  ]);
  const settings = parseSettings(listed ?? '', await listElsewhere(listed ?? '', env));
  const ofBranch = (key: string): string | undefined =>
    settings.valueOf(`branch.${branch ?? ''}.${key}`);
  const configured = ofBranch('remote');
  const remote = configured ?? 'origin';
  const [url = null] = addressesOf(remotes ?? '', { remote, way: 'fetch' });
  const pushUrls = addressesOf(remotes ?? '', { remote, way: 'push' });
  // Without a remote the repository is its own: git's locks on its branch decide who was first.
  if (url === null && configured === undefined)
    return { ...locatedAt(join(clone, '.git')), branch, clone, settings };
  if (url === null)
    throw new CrosstalkError('NOT_A_TRANSPORT', `the clone ${clone} has no remote "${remote}"`, {
      fix: fixBy`git remote add ${remote} URL`,
    });
  refuseTwoPlaces(pushUrls, { clone, remote });
  const [from, to] = [
    openUrl(addressIn(clone, url)),
    openUrl(addressIn(clone, pushUrls[0] ?? url)),
  ];
  const own = { settings: settings.own.filter(([key]) => OF_REMOTES.test(key)), env: {} };
  // `git remote` has rewritten them, and git itself rewrites an address once.
  const rewrites = settings.all.some(([key]) => /^url\..*insteadof$/.test(key));
  const pins = rewrites ? [from.url, to.url].map(pinUrl) : [];
  return {
    url: from.url,
    pushUrl: to.url === from.url ? null : to.url,
    branch: ofBranch('merge')?.replace(/^refs\/heads\//, '') ?? branch,
    clone,
    access: [from.access, to.access, ...pins].reduce(joinAccess, own),
    settings,
  };
}

/** Addresses of a remote, in lines `NAME<tab>ADDRESS (fetch) [filter]` of `git remote -v`. */
function addressesOf(
  lines: string,
  { remote, way }: { readonly remote: string; readonly way: 'fetch' | 'push' },
): readonly string[] {
  return lines.split('\n').flatMap((line) => {
    const [name, said = ''] = line.split('\t');
    const end = said.lastIndexOf(` (${way})`);
    return name === remote && end > 0 ? [said.slice(0, end)] : [];
  });
}

function refuseTwoPlaces(
  urls: readonly string[],
  { clone, remote }: { readonly clone: string; readonly remote: string },
): void {
  if (urls.length <= 1) return;
  const places = urls.map(shownUrl).join(' and ');
  throw new CrosstalkError(
    'CONFIG_INVALID',
    `the remote "${remote}" of ${clone} pushes to ${places}; expected one place: of two, neither can decide who was first`,
    { fix: fixBy`git config --unset-all remote.${remote}.pushurl` },
  );
}

/** A transport that is known by its address only. */
function locatedAt(text: string): Located {
  return {
    ...openUrl(text),
    branch: null,
    clone: null,
    pushUrl: null,
    project: null,
    settings: null,
  };
}

function notATransport(why: string): CrosstalkError {
  return new CrosstalkError('NOT_A_TRANSPORT', `not a crosstalk transport: ${why}`, {
    fix: withNote(fixBy`crosstalkd init DIR`, 'or: crosstalkd join URL, or -C DIR'),
  });
}
