/**
 * Reads the files that a message names from the tip: all of them, or the reason why its agent
 * cannot have them.
 */
import type { Oid } from '../base/ids.ts';
import {
  amountProblem,
  type Attachment,
  ATTACHMENTS_BYTES_MAX,
  nameAttachments,
} from '../protocol/attachments.ts';
import type { Repository } from '../transport/repository.ts';

export type AttachmentsRead =
  | { readonly kind: 'read'; readonly files: readonly Attachment[] }
  | { readonly kind: 'refused'; readonly why: string };

export const NO_ATTACHMENTS: AttachmentsRead = { kind: 'read', files: [] };

/** Reads regular files only, and none before their sizes are known. */
export async function readAttachments(
  repository: Repository,
  {
    tip,
    message,
    files,
  }: { readonly tip: Oid; readonly message: string; readonly files: readonly string[] },
): Promise<AttachmentsRead> {
  if (files.length === 0) return NO_ATTACHMENTS;
  const named = nameAttachments(message, files);
  if (named.kind === 'refused') return named;
  const entries = await repository.lookUp(
    tip,
    named.files.map(({ path }) => path),
  );
  for (const [at, entry] of entries.entries())
    if (entry?.kind !== 'file') {
      const found =
        entry === null
          ? 'nothing is there'
          : entry.kind === 'tree'
            ? 'a folder'
            : 'a link or submodule';
      return {
        kind: 'refused',
        why: `files: ${JSON.stringify(named.files[at]?.path)}: ${found}; expected a regular file`,
      };
    }
  const oids = entries.flatMap((entry) => (entry === null ? [] : [entry.oid]));
  const problem = amountProblem('files', await repository.sizesOf(oids));
  if (problem !== null) return { kind: 'refused', why: problem };
  const blobs = await repository.readBlobs(oids, ATTACHMENTS_BYTES_MAX);
  const missing = blobs.findIndex((blob) => blob.kind !== 'bytes');
  if (missing >= 0)
    return {
      kind: 'refused',
      why: `files: ${JSON.stringify(named.files[missing]?.path)} cannot be read`,
    };
  return {
    kind: 'read',
    files: blobs.flatMap((blob, at) =>
      blob.kind === 'bytes' ? [{ name: named.files[at]?.name ?? '', bytes: blob.bytes }] : [],
    ),
  };
}
