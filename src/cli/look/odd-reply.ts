/**
 * What stands where an answer belongs and is none, such as a folder: nobody can answer there until
 * a person has removed it.
 */
import type { ReasonOf } from '../../protocol/reason.ts';
import type { TreeEntry } from '../../transport/repository.ts';
import { tipOf } from './reading.ts';
import type { Surroundings } from './look-around.ts';

export type OddReply = ReasonOf<'odd-reply'>;

/** Those of the paths of replies at which something odd stands, with what it is. */
export async function findOddReplies(
  { session }: Surroundings,
  replies: readonly string[],
): Promise<ReadonlyMap<string, OddReply>> {
  const entries =
    replies.length === 0 ? [] : await session.repository.lookUp(tipOf(session), replies);
  return new Map(
    replies.flatMap((path, index) => {
      const what = oddKind(entries[index] ?? null);
      return what === null ? [] : [[path, { kind: 'odd-reply', path, what }] as const];
    }),
  );
}

function oddKind(entry: TreeEntry | null): OddReply['what'] | null {
  if (entry === null) return null;
  if (entry.kind === 'tree') return 'folder';
  return entry.kind === 'other' ? 'link' : null;
}
