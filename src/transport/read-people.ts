/**
 * Whose addresses are whose, by the data/people.yaml in force: a version that cannot be read
 * changes nothing. Every host that reads the history finds the same.
 */
import type { Oid } from '../base/ids.ts';
import { PEOPLE_FILE } from '../protocol/paths.ts';
import { type Called, calledBy, decodePeople, NOBODY_CALLED } from '../protocol/people.ts';
import { type FileInForce, readFileInForce } from './find-readable.ts';
import type { Repository } from './repository.ts';

export interface PeopleInForce extends FileInForce {
  readonly called: Called;
}

/** The names at `tip`. `known`: what was read before; null = nothing yet. */
export async function readPeople(
  repository: Repository,
  tip: Oid,
  known: PeopleInForce | null,
): Promise<PeopleInForce> {
  const file = { path: PEOPLE_FILE, isReadable };
  const found = await readFileInForce(repository, { tip, known }, file);
  if (found === known) return known;
  const { text } = found;
  return { ...found, called: text === null ? NOBODY_CALLED : calledBy(decodePeople(text).people) };
}

function isReadable(text: string): boolean {
  return decodePeople(text).isReadable;
}
