/**
 * Files of the transport that count only in a version that a known person signed: an unsigned
 * change or removal leaves the last signed version in force. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import { hear, type Judged, peopleWho, type Right, type Trust } from '../protocol/trust.ts';
import { PEOPLE_FILE } from '../protocol/paths.ts';
import { decodePeople, type Person } from '../protocol/people.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { Repository } from '../transport/repository.ts';

/** Changes of the file that are searched for a signed one. */
const CHANGES_MAX = 5_000;

/** The text that counts (null: none does), and whether the one at the tip is another. */
export interface SignedFile {
  readonly text: string | null;
  readonly isHeld: boolean;
}

/** Where a version is looked for. */
export interface Signing {
  readonly repository: Repository;
  readonly tip: Oid;
  readonly trust: Judged;
  /** What its signer must be allowed. */
  readonly right: Right;
  /** A version that cannot be read does not count either, though it is signed. */
  readonly isReadable: (text: string) => boolean;
}

/**
 * The newest version of a file, its removal included, that a known person has signed: on any side
 * of a merge, so who merges puts back nothing. The same value while nobody changes the file.
 */
export async function findSigned(signing: Signing, path: string): Promise<SignedFile> {
  const { repository, tip, trust } = signing;
  const byPath = KNOWN.get(repository) ?? new Map<string, Known>();
  KNOWN.set(repository, byPath);
  const known = byPath.get(path);
  const isSame = known?.trust === trust && (await isUnchanged(signing, path, known.tip));
  const found = isSame ? known.found : await search(signing, path);
  byPath.set(path, { trust, tip, found });
  return found;
}

interface Known {
  readonly trust: Judged;
  readonly tip: Oid;
  readonly found: SignedFile;
}

/** What was found last, by its path. */
const KNOWN = new WeakMap<Repository, Map<string, Known>>();

async function isUnchanged({ repository, tip }: Signing, path: string, from: Oid) {
  if (from === tip) return true;
  if (!(await repository.isAncestor(from, tip))) return false;
  return (await repository.findWrites([path], { from, to: tip })).size === 0;
}

async function search(signing: Signing, path: string): Promise<SignedFile> {
  const { repository, tip, trust, right, isReadable } = signing;
  const standing = await blobAt(signing, tip, path);
  const writer = standing === null ? null : await repository.findWriters([path], tip);
  if (isHeard(writer?.get(path)?.signed ?? null, trust, right)) {
    const text = await readTextAt(repository, tip, path);
    if (text !== null && isReadable(text)) return { text, isHeld: false };
  }
  const found = await repository.findWrites([path], { from: null, to: tip });
  const writes = found.get(path) ?? [];
  for (const commit of writes.slice(0, CHANGES_MAX)) {
    if (!isHeard(await repository.readSigned(commit), trust, right)) continue;
    const blob = await blobAt(signing, commit, path);
    const text = blob === null ? null : await readTextAt(repository, commit, path);
    if (blob === null || (text !== null && isReadable(text)))
      return { text, isHeld: blob !== standing };
  }
  return { text: null, isHeld: writes.length > 0 };
}

/** The same keys, with what people may do by data/people.yaml as an operator has signed it. */
export async function withPeople(
  { repository, tip }: Pick<Signing, 'repository' | 'tip'>,
  trust: Trust,
): Promise<Trust> {
  // A host without pinned operators lets nobody say what others may do.
  if (trust.rights === null) return trust;
  const isReadable = (text: string): boolean => decodePeople(text).isReadable;
  const signing = { repository, tip, trust, right: 'operate', isReadable } as const;
  const { text } = await findSigned(signing, PEOPLE_FILE);
  const { people } = text === null ? { people: new Map<string, Person>() } : decodePeople(text);
  const told = [...people].map(([name, { may }]) => [name, may] as const);
  return { ...trust, rights: new Map([...told, ...trust.rights]) };
}

/** Whether a person has signed it who is known here and may do that. */
export function isHeard(signed: Parameters<typeof hear>[0], trust: Judged, right: Right): boolean {
  return peopleWho(hear(signed, trust.signers), right, trust).length > 0;
}

/** What stands at a path of a commit; null: no file. */
export async function blobAt(
  { repository }: Pick<Signing, 'repository'>,
  commit: Oid,
  path: string,
): Promise<Oid | null> {
  const [entry] = await repository.lookUp(commit, [path]);
  return entry?.kind === 'file' ? entry.oid : null;
}
