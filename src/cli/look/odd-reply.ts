/**
 * What stands where an answer belongs and is none, such as a folder: nobody can answer there until
 * a person has removed it.
 */
import { shellWord } from '../../base/shell-word.ts';
import type { TreeEntry } from '../../transport/repository.ts';
import { tipOf } from './reading.ts';
import type { Surroundings } from './look-around.ts';

export interface OddReply {
  readonly says: string;
  readonly fix: string;
}

/**
 * Those of the paths of replies at which something odd stands, with what it is and the command for
 * a clone that removes it.
 */
export async function findOddReplies(
  { session }: Surroundings,
  replies: readonly string[],
): Promise<ReadonlyMap<string, OddReply>> {
  const entries =
    replies.length === 0 ? [] : await session.repository.lookUp(tipOf(session), replies);
  return new Map(
    replies.flatMap((path, index) => {
      const what = describeOdd(entries[index] ?? null);
      if (what === null) return [];
      const fix = `git rm -r ${shellWord(path)} && git commit -m "Make room for the answer" && git push`;
      return [
        [
          path,
          {
            says: `cannot be answered: ${what} stands where the answer belongs (${path}); remove it in a clone`,
            fix,
          },
        ] as const,
      ];
    }),
  );
}

function describeOdd(entry: TreeEntry | null): string | null {
  if (entry === null) return null;
  if (entry.kind === 'tree') return 'a folder';
  return entry.kind === 'other' ? 'a link or submodule' : null;
}
