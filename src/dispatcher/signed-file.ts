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

/** Commits that are searched for a signed version, first parents only. */
const COMMITS_MAX = 5_000;

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
  /** What its signer has to be allowed. */
  readonly right: Right;
  /** A version that cannot be read does not count either, though it is signed. */
  readonly isReadable: (text: string) => boolean;
}

/** The newest version of a file, its removal included, that a known person has signed. */
export async function findSigned(signing: Signing, path: string): Promise<SignedFile> {
  const { repository, tip } = signing;
  const standing = await blobAt(signing, tip, path);
  const found = await readSigned(signing, { path, commit: tip, blob: standing });
  if (standing !== null && found !== null) return { ...found, isHeld: false };
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  let isFirst = true;
  for (let at = commits.length - 1, blob = standing; at >= 0; at -= 1) {
    const [commit, parent] = [commits[at], commits[at - 1]];
    if (commit === undefined) break;
    const before = parent === undefined ? null : await blobAt(signing, parent.oid, path);
    if (blob !== before) {
      const counts = await readSigned(signing, { path, commit: commit.oid, blob });
      if (counts !== null) return { ...counts, isHeld: !isFirst };
      isFirst = false;
    }
    blob = before;
  }
  return { text: null, isHeld: !isFirst };
}

/**
 * What came to stand at a path with a commit, if it counts. Who merges does not sign what others
 * have written: the commit that wrote it decides. A removal has no other sign than its commit's.
 */
async function readSigned(
  { repository, trust, right, isReadable }: Signing,
  at: { readonly path: string; readonly commit: Oid; readonly blob: Oid | null },
): Promise<Pick<SignedFile, 'text'> | null> {
  const { path, commit, blob } = at;
  if (blob === null) {
    const isMerge = ((await repository.readCommit(commit))?.parents.length ?? 0) > 1;
    const isSigned = !isMerge && isHeard(await repository.readSigned(commit), trust, right);
    return isSigned ? { text: null } : null;
  }
  const writer = (await repository.findWriters([path], commit)).get(path);
  if (!isHeard(writer?.signed ?? null, trust, right)) return null;
  const text = await readTextAt(repository, commit, path);
  return text !== null && isReadable(text) ? { text } : null;
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
