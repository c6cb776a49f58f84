/**
 * Messages that were pushed to a place where no dispatcher looks: beside the channels. They are
 * looked for by people's commands only, in a bounded number of folders and files.
 */
import {
  asksSomebody,
  LOOKED_AT_BYTES,
  mayBeText,
  mayHoldMessages,
} from '../../protocol/misplaced.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import { isPage, pathProblem } from '../../protocol/paths.ts';
import { moveIntoChannel } from '../../transport/odd-file.ts';
import type { TransportSession } from '../session/transport-session.ts';

const FOLDERS_MAX = 64;
const FILES_MAX = 300;

interface Text {
  readonly path: string;
  readonly oid: Parameters<TransportSession['repository']['readBlobs']>[0][number];
}

/** Such files at the tip, each with the command that mends it. */
export async function findMisplaced({
  repository,
  mirror,
}: TransportSession): Promise<readonly RejectedFile[]> {
  const { tip } = mirror.index();
  if (tip === null) return [];
  const texts: Text[] = [];
  const folders = [''];
  for (
    let at = 0;
    at < Math.min(folders.length, FOLDERS_MAX) && texts.length < FILES_MAX;
    at += 1
  ) {
    const folder = folders[at] ?? '';
    for (const { name, kind, oid } of await repository.list(tip, folder)) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (kind === 'tree' && mayHoldMessages(path)) folders.push(path);
      if (kind === 'file' && mayBeText(name) && !isPage(name) && pathProblem(path) === null)
        texts.push({ path, oid });
    }
  }
  const looked = texts.slice(0, FILES_MAX);
  // Of a partial cache they may have to be fetched, and the remote may be away.
  const blobs = await repository
    .readBlobs(
      looked.map(({ oid }) => oid),
      LOOKED_AT_BYTES,
    )
    .catch(() => []);
  return looked.flatMap(({ path }, at) => {
    const blob = blobs[at];
    return blob?.kind === 'bytes' && asksSomebody(blob.bytes) ? [moveIntoChannel(path)] : [];
  });
}
