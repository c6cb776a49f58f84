/**
 * Whose addresses are whose, by the data/people.yaml in force: a version that cannot be read
 * changes nothing. Every host that reads the history finds the same.
 */
import type { Oid } from '../base/ids.ts';
import { PEOPLE_FILE } from '../protocol/paths.ts';
import { type Called, calledBy, decodePeople, NOBODY_CALLED } from '../protocol/people.ts';
import { findReadable } from './find-readable.ts';
import { readTextAt } from './read-text.ts';
import type { Repository } from './repository.ts';

export interface PeopleInForce {
  /** What stands at the tip; null: nothing. */
  readonly oid: Oid | null;
  readonly called: Called;
}

/** The names at `tip`. `known`: what was read before; null = nothing yet. */
export async function readPeople(
  repository: Repository,
  tip: Oid,
  known: PeopleInForce | null,
): Promise<PeopleInForce> {
  const [entry] = await repository.lookUp(tip, [PEOPLE_FILE]);
  const oid = entry?.oid ?? null;
  if (oid === known?.oid) return known;
  if (oid === null) return { oid, called: NOBODY_CALLED };
  const text = await readTextAt(repository, tip, PEOPLE_FILE);
  const file = { path: PEOPLE_FILE, isReadable };
  const inForce =
    text !== null && isReadable(text) ? text : await findReadable(repository, tip, file);
  return { oid, called: calledBy(decodePeople(inForce ?? '').people) };
}

function isReadable(text: string): boolean {
  return decodePeople(text).isReadable;
}
