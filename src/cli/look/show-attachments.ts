/** The files of a message or reply as people see them. */
import { nameAttachments } from '../../protocol/attachments.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { TransportSession } from '../session/transport-session.ts';
import type { Said } from './read-conversation.ts';
import { tipOf } from './reading.ts';

/** A file that a message or reply names. `bytes: null`: no regular file stands there. */
export interface AttachmentSeen {
  readonly path: string;
  readonly bytes: number | null;
}

/** The files of one message or reply as the tip has them. */
export async function listAttachments(
  session: TransportSession,
  { file, message }: Said,
): Promise<readonly AttachmentSeen[]> {
  const named = nameAttachments(file.path, message.fields.files);
  if (named.kind === 'refused' || named.files.length === 0) return [];
  const paths = named.files.map(({ path }) => path);
  const entries = await session.repository.lookUp(tipOf(session), paths);
  const files = paths.flatMap((path, at) =>
    entries[at]?.kind === 'file' ? [{ path, oid: entries[at].oid }] : [],
  );
  const sizes = await session.repository.sizesOf(files.map(({ oid }) => oid));
  const bytes = new Map(files.map(({ path }, at) => [path, sizes[at] ?? 0]));
  return paths.map((path) => ({ path, bytes: bytes.get(path) ?? null }));
}

/** A line for each. */
export function formatAttachments(files: readonly AttachmentSeen[]): readonly string[] {
  return files.map(
    ({ path, bytes }) =>
      `  file ${oneLine(path, 300)} (${bytes === null ? 'not there' : `${bytes} bytes`})`,
  );
}
