/** The pace by the data/transport.yaml in force: a version that cannot be read changes nothing. */
import type { Oid } from '../base/ids.ts';
import { decodeTransport, OWN_PACE, type Pace } from '../protocol/pace.ts';
import { TRANSPORT_FILE } from '../protocol/paths.ts';
import { type FileInForce, readFileInForce } from './find-readable.ts';
import type { Repository } from './repository.ts';

export interface PaceInForce extends FileInForce {
  readonly pace: Pace;
}

/** The pace at `tip`. `known`: what was read before; null = nothing yet. */
export async function readPaceAt(
  repository: Repository,
  tip: Oid,
  known: PaceInForce | null,
): Promise<PaceInForce> {
  const isReadable = (text: string): boolean => decodeTransport(text).pace !== null;
  const file = { path: TRANSPORT_FILE, isReadable };
  const found = await readFileInForce(repository, { tip, known }, file);
  if (found === known) return known;
  const { text } = found;
  return { ...found, pace: (text === null ? null : decodeTransport(text).pace) ?? OWN_PACE };
}
