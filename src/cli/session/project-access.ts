/**
 * How a project's own configuration reaches its remotes (an ssh command, credential helpers,
 * proxies): its mailbox is reached in the same way, by git as by us.
 */
import { appendFile, chmod } from 'node:fs/promises';
import {
  accessOf,
  accessVariables,
  joinAccess,
  OF_REMOTES,
  type Setting,
  splitSettings,
} from '../../transport/remote-url.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit, type PersonGit } from './person-git.ts';
import type { Project } from './project.ts';

/** What the project says; nothing outside of a project. */
export async function readAccess(
  project: Pick<Project, 'directory'> | null,
  env: Invocation['env'],
): Promise<readonly Setting[]> {
  if (project === null) return [];
  const git = openPersonGit(project.directory, env, 10_000);
  const listed = await git.raw(['config', '--local', '--includes', '--null', '--list']);
  return splitSettings(listed).filter(([key]) => OF_REMOTES.test(key));
}

/** The invocation in which every call of git has these settings, before there is a clone. */
export function withAccess(invocation: Invocation, settings: readonly Setting[]): Invocation {
  if (settings.length === 0) return invocation;
  const access = joinAccess({ settings, env: {} }, accessOf(invocation.env));
  return { ...invocation, env: { ...invocation.env, ...accessVariables(access) } };
}

/** Writes them into a clone's configuration, which may be a secret then: no argument has them. */
export async function keepAccess(git: PersonGit, settings: readonly Setting[]): Promise<void> {
  if (settings.length === 0) return;
  const asked = ['rev-parse', '--path-format=absolute', '--git-path', 'config'];
  const file = (await git.raw(asked)).trim();
  await chmod(file, 0o600);
  await appendFile(file, settings.map(formatSetting).join(''));
}

/** `http.https://x.y/.proxy` as a section, its subsection, and the key. */
function formatSetting([name, value]: Setting): string {
  const [first, last] = [name.indexOf('.'), name.lastIndexOf('.')];
  const below = first === last ? '' : ` ${JSON.stringify(name.slice(first + 1, last))}`;
  return `[${name.slice(0, first)}${below}]\n\t${name.slice(last + 1)} = ${JSON.stringify(value)}\n`;
}
