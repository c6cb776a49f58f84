/**
 * Finds files of a commit by their text. Git searches them several times faster than they could be
 * read here.
 */
import { MINUTE } from '../base/clock.ts';
import { CrosstalkError } from '../base/errors.ts';
import type { Oid } from '../base/ids.ts';
import type { Git } from './git-runner.ts';
import type { ObjectReader } from './object-reader.ts';
import type { WantedText } from './repository.ts';
import { decodeName } from './tree-codec.ts';

const LOOK_MS = 10 * MINUTE;
/** What git grep says when it has found nothing. */
const NOTHING = 1;

/** See `Repository.findText`. */
export async function findTextIn(
  git: Git,
  commit: Oid,
  { text, under, without = [], notNamed }: WantedText,
): Promise<ReadonlySet<string>> {
  // Folders by their exact names, and one text between two stars, which is as fast as the name is
  // long: on other patterns a name that is made to hurt takes git for ever. Folders come last: git
  // looks at the last first, and by a pattern it goes into every folder.
  const excluded = [
    ...(notNamed === undefined ? [] : [`:(exclude)*${notNamed}*`]),
    ...without.map((path) => `:(exclude,literal)${path}`),
  ];
  const args = [
    ...(excluded.length === 0 ? [] : ['--no-literal-pathspecs']),
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
    ...excluded,
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

/** The contents that are looked through for it. */
export async function listSearched(
  reader: Pick<ObjectReader, 'walk'>,
  commit: Oid,
  { under, without = [], notNamed }: WantedText,
): Promise<readonly Oid[]> {
  const isLeftOut = (path: string): boolean =>
    without.some((left) => `${path}/`.startsWith(`${left}/`)) ||
    (notNamed !== undefined && path.includes(notNamed));
  const blobs: Oid[] = [];
  for await (const changes of reader.walk({ from: null, to: commit, under }))
    for (const change of changes)
      if (change.kind === 'written' && change.entry === 'file' && !isLeftOut(change.path))
        blobs.push(change.blob);
  return blobs;
}
