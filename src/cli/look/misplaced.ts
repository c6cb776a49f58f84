/**
 * Messages that were pushed to a place where no dispatcher looks: beside the channels. They are
 * looked for by people's commands only, in a bounded number of folders and files.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { groupBy } from '../../base/group-by.ts';
import type { Oid } from '../../base/ids.ts';
import {
  asksSomebody,
  LOOKED_AT_BYTES,
  mayBeText,
  mayHoldMessages,
} from '../../protocol/misplaced.ts';
import type { RejectedFile } from '../../protocol/open-work.ts';
import { CHANNELS, foldName, isPage, parseMessagePath, pathProblem } from '../../protocol/paths.ts';
import { move, moveIntoChannel } from '../../transport/odd-file.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { lookAtClone } from './unsent.ts';

/**
 * Every file that is not a message though it may have been meant as one, by its path. A name that
 * it would get and that another file has already is made another one.
 */
export async function findStrays(
  session: TransportSession,
): Promise<ReadonlyMap<string, RejectedFile>> {
  const { rejected, tip } = session.mirror.index();
  const files = [...rejected.values(), ...(await findMisplaced(session))];
  const free = new Map<string, RejectedFile>();
  const taken = new Map<string, Map<string, readonly string[]>>();
  for (const file of files) {
    const target = file.remedy?.[1] === 'mv' ? (file.remedy.at(-1) ?? '') : '';
    // A folder is moved with all its files, and into the one that it is called like.
    if (tip === null || !target.endsWith('.md')) continue;
    const folder = target.slice(0, target.lastIndexOf('/'));
    const there = taken.get(folder) ?? (await namesIn(session, { tip, folder }));
    taken.set(folder, there);
    const isTaken = (name: string): boolean =>
      (there.get(foldName(name)) ?? []).some((one) => one === name || one !== file.path);
    let name = target;
    for (let n = 2; isTaken(name); n += 1) name = `${target.slice(0, -3)}-${n}.md`;
    there.set(foldName(name), [...(there.get(foldName(name)) ?? []), name]);
    if (name !== target)
      free.set(file.path, { ...file, ...move(file.path, name, 'a name that is free') });
  }
  return new Map(files.map((file) => [file.path, free.get(file.path) ?? file]));
}

/** Paths of what stands in a folder, together those that some file systems take for one. */
async function namesIn(
  { repository }: TransportSession,
  { tip, folder }: { readonly tip: Oid; readonly folder: string },
): Promise<Map<string, readonly string[]>> {
  const entries = await repository.list(tip, folder).catch(() => []);
  const paths = entries.map(({ name }) => `${folder}/${name}`);
  return new Map(groupBy(paths, foldName));
}

const FOLDERS_MAX = 64;
const FILES_MAX = 300;

interface Text {
  readonly path: string;
  readonly oid: Parameters<TransportSession['repository']['readBlobs']>[0][number];
}

/** Files beside the channels, each with the command that fixes it. */
async function findMisplaced({
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

/** Files of a clone that are in no commit and that are messages where no dispatcher looks. */
export async function findUnsentStrays(session: TransportSession): Promise<readonly string[]> {
  const seen = await lookAtClone(session, '.');
  const texts = (seen?.written ?? []).filter((path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    const folder = path.slice(0, Math.max(0, path.length - name.length - 1));
    const mayBe = path.startsWith(`${CHANNELS}/`) || mayHoldMessages(folder);
    return mayBe && parseMessagePath(path) === null && mayBeText(name) && !isPage(name);
  });
  const read = texts.slice(0, FILES_MAX).map(async (path) => {
    const bytes = await readFile(join(seen?.clone ?? '', path)).catch(() => null);
    return bytes !== null && asksSomebody(bytes) ? [path] : [];
  });
  return (await Promise.all(read)).flat();
}
