/**
 * Files of the transport that count only in a version that a known person signed: an unsigned
 * change or removal leaves the last signed version in force. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import { hear, type Judged, peopleWho, type Right, type Trust } from '../protocol/trust.ts';
import { PEOPLE_FILE } from '../protocol/paths.ts';
import { decodePeople, type Person } from '../protocol/people.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
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
}

/** The newest version of a file, its removal included, that a known person has signed. */
export async function findSigned(signing: Signing, path: string): Promise<SignedFile> {
  const { repository, tip } = signing;
  const standing = await repository.findWriters([path], tip);
  const writer = standing.get(path);
  if (writer !== undefined && isHeard(writer.signed, signing.trust, signing.right))
    return { text: await readTextAt(repository, tip, path), isHeld: false };
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  let isFirst = true;
  for (let at = commits.length - 1, now = await blobAt(signing, tip, path); at >= 0; at -= 1) {
    const [commit, parent] = [commits[at], commits[at - 1]];
    if (commit === undefined) break;
    const before = parent === undefined ? null : await blobAt(signing, parent.oid, path);
    const isWritten = now !== before;
    if (isWritten && isHeard(await repository.readSigned(commit.oid), signing.trust, signing.right))
      return { text: await textOf(repository, now), isHeld: !isFirst };
    if (isWritten) isFirst = false;
    now = before;
  }
  return { text: null, isHeld: !isFirst };
}

/** The same keys, with what people may do by data/people.yaml as an operator has signed it. */
export async function withPeople(
  { repository, tip }: Pick<Signing, 'repository' | 'tip'>,
  trust: Trust,
): Promise<Trust> {
  // Where this host pins no operator, nobody can say what others may do.
  if (trust.rights === null) return trust;
  const signing = { repository, tip, trust, right: 'operate' } as const;
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

async function textOf(repository: Repository, blob: Oid | null): Promise<string | null> {
  const [read] = blob === null ? [] : await repository.readBlobs([blob], MESSAGE_BYTES_MAX);
  return read?.kind === 'bytes' ? Buffer.from(read.bytes).toString('utf8') : null;
}
