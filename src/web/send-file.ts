/** A file of a message, as it is, for the browser to keep. */
import type { ServerResponse } from 'node:http';
import { CrosstalkError } from '../base/errors.ts';
import { ATTACHMENTS_BYTES_MAX, nameAttachments } from '../protocol/attachments.ts';
import { tipOf } from '../cli/look/reading.ts';
import type { Desk } from './desk.ts';
import { findEntry, readEntries } from './show-messages.ts';

/**
 * Sends one of the files that a message names. Nothing is ever shown in the page's own origin: it
 * is a download, whatever it holds. Throws NOT_FOUND for any other path.
 */
export async function sendFile(
  desk: Desk,
  { id, path }: { readonly id: string; readonly path: string },
  response: ServerResponse,
): Promise<void> {
  const moment = await desk.now();
  const entry = findEntry(moment, id);
  const [said] = await readEntries(moment, [entry]);
  const named = said === undefined ? null : nameAttachments(entry.path, said.message.fields.files);
  const file = named?.kind === 'named' ? named.files.find((one) => one.path === path) : undefined;
  const { repository } = moment.session;
  const [at] = file === undefined ? [] : await repository.lookUp(tipOf(moment.session), [path]);
  const [blob] =
    at?.kind === 'file' ? await repository.readBlobs([at.oid], ATTACHMENTS_BYTES_MAX) : [];
  if (blob?.kind !== 'bytes')
    throw new CrosstalkError('NOT_FOUND', `"${path}" is not a file of this message`);
  const name = encodeURIComponent(path.slice(path.lastIndexOf('/') + 1)).replaceAll("'", '%27');
  response
    .writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-disposition': `attachment; filename*=UTF-8''${name}`,
      'content-length': blob.bytes.length,
      'cache-control': 'no-store',
    })
    .end(blob.bytes);
}
