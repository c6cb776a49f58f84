/**
 * What git is told in a folder, by every file that it reads, in one process: each command would
 * else ask for each key by a process of its own.
 */
import type { Setting } from '../../transport/remote-url.ts';
import type { Invocation } from '../command.ts';
import { openPersonGit, type PersonGit } from './person-git.ts';

/** Keys are in git's own spelling: section and name in lower case. */
export interface GitSettings {
  /** The value that counts, which is the last. */
  readonly valueOf: (key: string) => string | undefined;
  /** Every value, in order. */
  readonly valuesOf: (key: string) => readonly string[];
  /** As git reads a boolean; false where it is not set, or is none. */
  readonly isOn: (key: string) => boolean;
  /** All that count, the last of a key most. */
  readonly all: readonly Setting[];
  /**
   * Those of the repository itself and of what it includes, and those that the person's own files
   * give it and not every repository (`includeIf`).
   */
  readonly own: readonly Setting[];
}

/** The arguments for git; `parseSettings` reads what it prints. */
export const LIST_SETTINGS = ['config', '--includes', '--show-scope', '--null', '--list'] as const;

/** None for the empty text. `elsewhere`: what is listed where there is no repository. */
export function parseSettings(listed: string, elsewhere: string | null = null): GitSettings {
  const found = parseListed(listed);
  const valuesOf = (key: string): readonly string[] =>
    found.flatMap(({ setting: [name, value] }) => (name === key ? [value] : []));
  return {
    valuesOf,
    valueOf: (key) => valuesOf(key).at(-1),
    isOn: (key) => /^(true|yes|on|[-+]?0*[1-9]\d*)$/i.test(valuesOf(key).at(-1) ?? ''),
    all: found.map(({ setting }) => setting),
    own: lacking(
      found.flatMap(({ scope, setting }) => (elsewhere !== null || isOwn(scope) ? [setting] : [])),
      parseListed(elsewhere ?? '').map(({ setting }) => setting),
    ),
  };
}

interface Listed {
  readonly scope: string;
  readonly setting: Setting;
}

function parseListed(listed: string): readonly Listed[] {
  const found: Listed[] = [];
  const words = listed.split('\0');
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [scope = '', text = ''] = words.slice(at, at + 2);
    const end = text.indexOf('\n');
    // A key without `=` means yes.
    const setting: Setting = end < 0 ? [text, 'true'] : [text.slice(0, end), text.slice(end + 1)];
    found.push({ scope, setting });
  }
  return found;
}

const isOwn = (scope: string): boolean => scope === 'local' || scope === 'worktree';

/** Those of `wanted` that are not among `given`, each as often as it is missing there. */
export function lacking(wanted: readonly Setting[], given: readonly Setting[]): readonly Setting[] {
  const left = given.map(([key, value]) => `${key}\n${value}`);
  return wanted.filter(([key, value]) => {
    const at = left.indexOf(`${key}\n${value}`);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
}

/** What is listed where there is no repository; null when that would make no difference. */
export async function listElsewhere(
  listed: string,
  env: Invocation['env'],
): Promise<string | null> {
  if (!/\0includeif\./.test(listed)) return null;
  return openPersonGit('/', env, 10_000)
    .raw(LIST_SETTINGS)
    .catch(() => null);
}

/** Those of a folder; none where git cannot say. */
export async function readSettings(git: PersonGit, env: Invocation['env']): Promise<GitSettings> {
  const listed = await git.raw(LIST_SETTINGS).catch(() => '');
  return parseSettings(listed, await listElsewhere(listed, env));
}
