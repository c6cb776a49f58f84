/**
 * The data/models.yaml in force: an unreadable version changes nothing, the last readable one
 * stays. Every host that reads the history finds the same.
 */
import type { Oid } from '../base/ids.ts';
import type { ModelProblem } from '../protocol/models.ts';
import { decodeModels } from '../protocol/decode-models.ts';
import { MODELS_FILE } from '../protocol/paths.ts';
import { findReadable } from './find-readable.ts';
import { readTextAt } from './read-text.ts';
import type { Repository } from './repository.ts';

const FILE = { path: MODELS_FILE, isReadable: (text: string) => decodeModels(text).isReadable };

export interface ModelsInForce {
  /** Null = there is none. */
  readonly text: string | null;
  /** Why the version at the tip is not this one; null = it is. */
  readonly problem: ModelProblem | null;
}

/** The models at `tip`. `known`: what was in force before; null = nothing was read yet. */
export async function readModels(
  repository: Repository,
  tip: Oid,
  known: ModelsInForce | null,
): Promise<ModelsInForce> {
  const text = await readTextAt(repository, tip, MODELS_FILE);
  if (text === null) return { text, problem: null };
  if (text === known?.text && known.problem === null) return known;
  const { isReadable, problems } = decodeModels(text);
  if (isReadable) return { text, problem: null };
  const problem = problems[0] ?? null;
  return { text: known === null ? await findReadable(repository, tip, FILE) : known.text, problem };
}
