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
} from '../../transport/remote-url.ts';
import type { Invocation } from '../command.ts';
import { lacking, LIST_SETTINGS, parseSettings, readSettings } from './git-settings.ts';
import { openPersonGit, type PersonGit } from './person-git.ts';

/** What git is told in a repository alone; `null` is none. */
export async function readAccess(
  directory: string | null,
  env: Invocation['env'],
): Promise<readonly Setting[]> {
  if (directory === null) return [];
  const { own } = await readSettings(openPersonGit(directory, env, 10_000), env);
  return own.filter(([key]) => OF_REMOTES.test(key));
}

/** The invocation in which every call of git has these settings, before there is a clone. */
export function withAccess(invocation: Invocation, settings: readonly Setting[]): Invocation {
  if (settings.length === 0) return invocation;
  const access = joinAccess({ settings, env: {} }, accessOf(invocation.env));
  return { ...invocation, env: { ...invocation.env, ...accessVariables(access) } };
}

/**
 * Writes those that do not count in a clone already into its configuration, which may be a secret
 * then: no argument has them.
 */
export async function keepAccess(git: PersonGit, wanted: readonly Setting[]): Promise<void> {
  const settings = lacking(wanted, parseSettings(await git.raw(LIST_SETTINGS)).all);
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
