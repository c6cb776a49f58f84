/**
 * Finds workflow runs that have begun and not ended among the changes: RUN.json exists, COMPLETE
 * does not.
 */
import { runFiles, runOfMark } from '../protocol/paths.ts';
import type { Exists } from './standing-paths.ts';
import type { TreeChange } from './repository.ts';

/** Of every run with a change to one of its two marks: whether it is open in the new tree. */
export async function readRunMarks(
  exists: Exists,
  changes: readonly TreeChange[],
): Promise<ReadonlyMap<string, boolean>> {
  const touched = [...new Set(changes.flatMap(({ path }) => runOfMark(path) ?? []))];
  const standing = await exists(touched.flatMap((channel) => Object.values(runFiles(channel))));
  return new Map(
    touched.map((channel) => {
      const { header, complete } = runFiles(channel);
      return [channel, standing.has(header) && !standing.has(complete)] as const;
    }),
  );
}
