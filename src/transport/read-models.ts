/**
 * The data/models.yaml in force: an unreadable version changes nothing, the last readable one
 * stays. Every host that reads the history finds the same.
 */
import type { Oid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { ModelProblem } from '../protocol/models.ts';
import { decodeModels } from '../protocol/decode-models.ts';
import { MODELS_FILE } from '../protocol/paths.ts';
import { readTextAt } from './read-text.ts';
import type { Repository } from './repository.ts';

/** How far back a readable version is looked for, in commits. */
const COMMITS_MAX = 2_000;

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
  return { text: known === null ? await findReadable(repository, tip) : known.text, problem };
}

/** The newest version before `tip` that can be read; null when none of the last commits has one. */
async function findReadable(repository: Repository, tip: Oid): Promise<string | null> {
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  const tried = new Set<Oid>();
  for (const { oid } of [...commits].reverse()) {
    const [entry] = await repository.lookUp(oid, [MODELS_FILE]);
    if (entry?.kind !== 'file' || tried.has(entry.oid)) continue;
    tried.add(entry.oid);
    const [blob] = await repository.readBlobs([entry.oid], MESSAGE_BYTES_MAX);
    const text = blob?.kind === 'bytes' ? Buffer.from(blob.bytes).toString('utf8') : null;
    if (text !== null && decodeModels(text).isReadable) return text;
  }
  return null;
}
