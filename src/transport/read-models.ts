/**
 * The data/models.yaml in force: an unreadable version changes nothing, the last readable one
 * stays. Every host that reads the history finds the same.
 */
import type { Oid } from '../base/ids.ts';
import type { ModelProblem } from '../protocol/models.ts';
import { decodeModels } from '../protocol/decode-models.ts';
import { MODELS_FILE } from '../protocol/paths.ts';
import { type FileInForce, type ReadableFile, readFileInForce } from './find-readable.ts';
import type { Repository } from './repository.ts';

/** The file, and which of its texts can be read. */
export const MODELS_READABLE: ReadableFile = {
  path: MODELS_FILE,
  isReadable: (text) => decodeModels(text).isReadable,
};

export interface ModelsInForce extends FileInForce {
  /** Why the version at the tip is not this one; null = it is. */
  readonly problem: ModelProblem | null;
}

/** The models at `tip`. `known`: what was read before; null = nothing yet. */
export async function readModels(
  repository: Repository,
  tip: Oid,
  known: ModelsInForce | null,
): Promise<ModelsInForce> {
  const found = await readFileInForce(repository, { tip, known }, MODELS_READABLE);
  if (found === known) return known;
  const { unreadable } = found;
  return { ...found, problem: unreadable === null ? null : problemOf(unreadable) };
}

function problemOf(text: string): ModelProblem {
  const [problem] = decodeModels(text).problems;
  return (
    problem ?? {
      name: null,
      line: 1,
      column: 1,
      found: 'no text',
      expected: 'YAML with "models:"',
    }
  );
}
