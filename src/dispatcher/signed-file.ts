/**
 * Files of the transport that count only as somebody known has signed them: an unsigned change, or
 * removal, leaves in force what was signed before. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import { hear, isPerson, requires, type SignedFileKind, type Trust } from '../protocol/trust.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { Repository } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';

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
  readonly signers: Trust['signers'];
}

/** The newest version of a file, its removal included, that a known person has signed. */
export async function findSigned(signing: Signing, path: string): Promise<SignedFile> {
  const { repository, tip } = signing;
  const standing = await repository.findWriters([path], tip);
  const writer = standing.get(path);
  if (writer !== undefined && isHeard(writer.signed, signing))
    return { text: await readTextAt(repository, tip, path), isHeld: false };
  const commits = await repository.history({ from: null, to: tip, max: COMMITS_MAX });
  let isFirst = true;
  for (let at = commits.length - 1, now = await blobAt(signing, tip, path); at >= 0; at -= 1) {
    const [commit, parent] = [commits[at], commits[at - 1]];
    if (commit === undefined) break;
    const before = parent === undefined ? null : await blobAt(signing, parent.oid, path);
    const isWritten = now !== before;
    if (isWritten && isHeard(await repository.readSigned(commit.oid), signing))
      return { text: await textOf(repository, now), isHeld: !isFirst };
    if (isWritten) isFirst = false;
    now = before;
  }
  return { text: null, isHeld: !isFirst };
}

/**
 * The text of a file as it counts here: as it stands at the tip, where no signature of its kind is
 * required. `fallback`: what is given without one. One look-up while nothing changes.
 */
export async function readInForce(
  dispatcher: Dispatcher,
  file: { readonly path: string; readonly kind: SignedFileKind; readonly tip: Oid },
  fallback: () => Promise<string | null>,
): Promise<string | null> {
  const { state, doors } = dispatcher;
  const { repository } = doors;
  const { path, kind, tip } = file;
  const trust = await doors.trust?.();
  if (trust === undefined || !requires(trust, kind)) return fallback();
  const signing = { repository, tip, signers: trust.signers };
  const blob = await blobAt(signing, tip, path);
  const known = state.trust.files.get(path);
  if (known?.blob === blob && known.trust === trust) return known.text;
  const { text, isHeld } = await findSigned(signing, path);
  state.trust.files.set(path, { blob, trust, text });
  if (isHeld)
    doors.log.warning('file.unsigned', {
      path,
      next: 'nobody known here has signed this version; the one that was signed before counts',
    });
  return text;
}

/** Whether a person who is known here has signed it. */
export function isHeard(
  signed: Parameters<typeof hear>[0],
  { signers }: Pick<Trust, 'signers'>,
): boolean {
  const voice = hear(signed, signers);
  return voice.kind === 'known' && voice.principals.some(isPerson);
}

async function blobAt({ repository }: Signing, commit: Oid, path: string): Promise<Oid | null> {
  const [entry] = await repository.lookUp(commit, [path]);
  return entry?.kind === 'file' ? entry.oid : null;
}

async function textOf(repository: Repository, blob: Oid | null): Promise<string | null> {
  const [read] = blob === null ? [] : await repository.readBlobs([blob], MESSAGE_BYTES_MAX);
  return read?.kind === 'bytes' ? Buffer.from(read.bytes).toString('utf8') : null;
}
