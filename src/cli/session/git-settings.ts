/**
 * What git is told in a folder, by every file that it reads, in one process: each command would
 * else ask for each key by a process of its own.
 */
import type { Setting } from '../../transport/remote-url.ts';
import type { PersonGit } from './person-git.ts';

/** Keys are in git's own spelling: section and name in lower case. */
export interface GitSettings {
  /** The value that counts, which is the last. */
  readonly valueOf: (key: string) => string | undefined;
  /** Every value, in order. */
  readonly valuesOf: (key: string) => readonly string[];
  /** As git reads a boolean; false where it is not set, or is none. */
  readonly isOn: (key: string) => boolean;
  /** Those of the repository itself and of what it includes. */
  readonly own: readonly Setting[];
}

/** The arguments for git; `parseSettings` reads what it prints. */
export const LIST_SETTINGS = ['config', '--includes', '--show-scope', '--null', '--list'] as const;

/** None for the empty text. */
export function parseSettings(listed: string): GitSettings {
  const found: { readonly scope: string; readonly setting: Setting }[] = [];
  const words = listed.split('\0');
  for (let at = 0; at + 1 < words.length; at += 2) {
    const [scope = '', text = ''] = words.slice(at, at + 2);
    const end = text.indexOf('\n');
    // A key without `=` means yes.
    const setting: Setting = end < 0 ? [text, 'true'] : [text.slice(0, end), text.slice(end + 1)];
    found.push({ scope, setting });
  }
  const valuesOf = (key: string): readonly string[] =>
    found.flatMap(({ setting: [name, value] }) => (name === key ? [value] : []));
  return {
    valuesOf,
    valueOf: (key) => valuesOf(key).at(-1),
    isOn: (key) => /^(true|yes|on|[-+]?0*[1-9]\d*)$/i.test(valuesOf(key).at(-1) ?? ''),
    own: found.flatMap(({ scope, setting }) =>
      scope === 'local' || scope === 'worktree' ? [setting] : [],
    ),
  };
}

/** Those of a folder; none where git cannot say. */
export async function readSettings(git: PersonGit): Promise<GitSettings> {
  return parseSettings(await git.raw(LIST_SETTINGS).catch(() => ''));
}
