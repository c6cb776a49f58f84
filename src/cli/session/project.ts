/**
 * A project: a person's repository with work of its own, and the mailbox in it. The mailbox is a
 * clone of one branch, `crosstalk` in the directory that git keeps for itself: no command of git
 * and no editor takes it for part of the project.
 */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { slugName } from '../../protocol/names.ts';
import { VERSION_FILE } from '../../protocol/paths.ts';

export interface Project {
  /** Top directory of the work tree. */
  readonly directory: string;
  /** What all its work trees share: `.git`. */
  readonly common: string;
  /** Where the clone of the mailbox is, or would be. */
  readonly mailbox: string;
}

/** The branch of a mailbox where nobody names another. */
export const MAILBOX_BRANCH = 'crosstalk';

/** The URL of a mailbox's remote when that is the repository of the project itself. */
export const OWN_REPOSITORY = '..';

/** What a command started somewhere is about: the nearest clone or project above that place. */
export type Place =
  | { readonly kind: 'clone'; readonly directory: string }
  | { readonly kind: 'project'; readonly project: Project }
  | { readonly kind: 'none' };

/** Looks at files only. */
export function findPlace(start: string): Place {
  for (let at = start; ; at = dirname(at)) {
    if (existsSync(join(at, '.git'))) {
      if (existsSync(join(at, VERSION_FILE))) return { kind: 'clone', directory: at };
      const common = findCommon(join(at, '.git'));
      if (common !== null)
        return {
          kind: 'project',
          project: { directory: at, common, mailbox: join(common, MAILBOX_BRANCH) },
        };
    }
    if (dirname(at) === at) return { kind: 'none' };
  }
}

/**
 * The way from `cwd` to the top of the clone that a command is about when it is started in `where`;
 * null where there is no clone, or `cwd` is its top.
 */
export function wayToClone(cwd: string, where: string): string | null {
  const start = resolve(cwd, where);
  const place = existsSync(start) ? findPlace(start) : ({ kind: 'none' } as const);
  if (place.kind === 'none' || (place.kind === 'project' && !hasMailbox(place.project)))
    return null;
  const top = place.kind === 'clone' ? place.directory : place.project.mailbox;
  const way = relative(cwd, top);
  if (way === '') return null;
  return way.length < top.length ? way : top;
}

/** True when the mailbox is there. */
export function hasMailbox({ mailbox }: Project): boolean {
  return existsSync(join(mailbox, VERSION_FILE)) && existsSync(join(mailbox, '.git'));
}

/** How messages name the project: as its remote is called, else its directory. */
export function projectName({ directory }: Pick<Project, 'directory'>, url: string): string {
  const last = basename(url.replace(/(?<![/:])[/:]+$/, '').replaceAll(':', '/'), '.git');
  const isOwn = url === OWN_REPOSITORY || basename(url) === '.git';
  return slugName(isOwn ? basename(directory) : last, 'project');
}

/** `.git` may be a file that names the directory, and that one may belong to another work tree. */
function findCommon(git: string): string | null {
  if (statSync(git).isDirectory()) return existsSync(join(git, 'HEAD')) ? git : null;
  const named = /^gitdir: (.+)$/m.exec(readFileSync(git, 'utf8'))?.[1];
  if (named === undefined) return null;
  const directory = resolve(dirname(git), named.trim());
  const commonFile = join(directory, 'commondir');
  if (existsSync(commonFile)) return resolve(directory, readFileSync(commonFile, 'utf8').trim());
  return existsSync(join(directory, 'HEAD')) ? directory : null;
}
