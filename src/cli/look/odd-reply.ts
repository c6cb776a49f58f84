/**
 * Something other than an answer at the path of an answer: a folder, or a file that cannot be read:
 * nobody can answer there until a person has removed or fixed it.
 */
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TreeEntry } from '../../transport/repository.ts';
import { tipOf } from './reading.ts';
import type { Surroundings } from './look-around.ts';

export type OddReply = ReasonOf<'odd-reply' | 'unreadable-reply'>;

/** Those of the paths of replies at which something odd stands, with what it is. */
export async function findOddReplies(
  { session, index: { rejected } }: Surroundings,
  replies: readonly string[],
): Promise<ReadonlyMap<string, OddReply>> {
  const entries =
    replies.length === 0 ? [] : await session.repository.lookUp(tipOf(session), replies);
  return new Map(
    replies.flatMap((path, index): (readonly [string, OddReply])[] => {
      const what = oddKind(entries[index] ?? null);
      if (what !== null) return [[path, { kind: 'odd-reply', path, what }]];
      const file = rejected.get(path);
      if (file === undefined || file.twinOf !== undefined) return [];
      const { line, found, expected } = file;
      return [[path, { kind: 'unreadable-reply', path, line, found, expected }]];
    }),
  );
}

function oddKind(entry: TreeEntry | null): ReasonOf<'odd-reply'>['what'] | null {
  if (entry === null) return null;
  if (entry.kind === 'tree') return 'folder';
  return entry.kind === 'other' ? 'link' : null;
}
