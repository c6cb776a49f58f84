/**
 * Finds files of a commit by their text. Git searches them several times faster than they could be
 * read here.
 */
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { Git } from './git-runner.ts';
import type { WantedText } from './repository.ts';
import { decodeName } from './tree-codec.ts';

const LOOK_MS = 10 * MINUTE;
/** What git grep says when it has found nothing. */
const NOTHING = 1;

/** See `Repository.findText`. */
export async function findTextIn(
  git: Git,
  commit: Oid,
  { text, under, without = [] }: WantedText,
): Promise<ReadonlySet<string>> {
  const args = [
    // Folders by their exact names only: on a pattern a name that is made to hurt takes git for
    // ever.
    ...(without.length === 0 ? [] : ['--no-literal-pathspecs']),
    'grep',
    '--files-with-matches',
    '--null',
    '--text',
    '--ignore-case',
    '--fixed-strings',
    '-e',
    text,
    commit,
    '--',
    under,
    ...without.map((path) => `:(exclude,literal)${path}`),
  ];
  const { code, stdout, stderr } = await git.run({ args, limitMs: LOOK_MS });
  if (code !== 0 && code !== NOTHING)
    throw new CrosstalkError('INTERNAL', `git grep ended with ${String(code)}: ${stderr.trim()}`);
  const names = stdout
    .toString('latin1')
    .split('\0')
    .filter((name) => name !== '');
  // Each begins with the commit and a colon.
  return new Set(names.map((name) => decodeName(name.slice(commit.length + 1))));
}
