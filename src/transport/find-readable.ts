/**
 * Which version of a file is in force: as it stands at the tip, else the newest one before it that
 * can be read. A function of the branch alone: hosts that follow and hosts that join find the same.
 */
import type { Oid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { Repository } from './repository.ts';

/** How far back a readable version is looked for, in commits: more and more of them. */
const WINDOWS = [64, 512, 4_096, 20_000];

/** A file, and which of its texts can be read. */
export interface ReadableFile {
  readonly path: string;
  readonly isReadable: (text: string) => boolean;
}

/** What counts of a file. */
export interface FileInForce {
  readonly tip: Oid;
  /** What stands at the tip; null: nothing. */
  readonly oid: Oid | null;
  /** Null: there is none. */
  readonly text: string | null;
  /** What stands instead of it and cannot be read, '' when it is no text; null: nothing does. */
  readonly unreadable: string | null;
}

/** The version in force at `tip`. `known`: what was read before; null = nothing yet. */
export async function readFileInForce(
  repository: Repository,
  { tip, known }: { readonly tip: Oid; readonly known: FileInForce | null },
  file: ReadableFile,
): Promise<FileInForce> {
  const [entry] = await repository.lookUp(tip, [file.path]);
  const oid = entry?.oid ?? null;
  if (known !== null && (known.tip === tip || (known.oid === oid && known.unreadable === null)))
    return known;
  if (oid === null) return { tip, oid, text: null, unreadable: null };
  const text = entry?.kind === 'file' ? await readText(repository, oid) : null;
  if (text !== null && file.isReadable(text)) return { tip, oid, text, unreadable: null };
  return {
    tip,
    oid,
    text: await findBefore(repository, { tip, known }, file),
    unreadable: text ?? '',
  };
}

/** What was in force when it was `known` stands for all before it, unless nothing stood there. */
async function findBefore(
  repository: Repository,
  { tip, known }: { readonly tip: Oid; readonly known: FileInForce | null },
  file: ReadableFile,
): Promise<string | null> {
  const isUsable =
    known !== null && known.oid !== null && (await repository.isAncestor(known.tip, tip));
  if (!isUsable) return findReadable(repository, { from: null, to: tip }, file);
  return (await findReadable(repository, { from: known.tip, to: tip }, file)) ?? known.text;
}

async function findReadable(
  repository: Repository,
  range: { readonly from: Oid | null; readonly to: Oid },
  { path, isReadable }: ReadableFile,
): Promise<string | null> {
  const tried = new Set<Oid>();
  let seen = 0;
  for (const max of WINDOWS) {
    const commits = await repository.history({ ...range, max });
    for (const { oid } of [...commits].reverse().slice(seen)) {
      const [entry] = await repository.lookUp(oid, [path]);
      if (entry?.kind !== 'file' || tried.has(entry.oid)) continue;
      tried.add(entry.oid);
      const text = await readText(repository, entry.oid);
      if (text !== null && isReadable(text)) return text;
    }
    if (commits.length < max) return null;
    seen = commits.length;
  }
  return null;
}

async function readText(repository: Repository, blob: Oid): Promise<string | null> {
  const [read] = await repository.readBlobs([blob], MESSAGE_BYTES_MAX);
  return read?.kind === 'bytes' ? Buffer.from(read.bytes).toString('utf8') : null;
}
