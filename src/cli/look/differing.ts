/**
 * What people read in their clone and hosts do not: files of it that say something else than the
 * tip of the transport. Only reads.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../../base/order.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import {
  BUDGETS_FILE,
  MODELS_FILE,
  PEOPLE_FILE,
  PERSONA_FOLDERS,
  SCHEMAS,
  TRANSPORT_FILE,
  WORKFLOWS,
} from '../../protocol/paths.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Files beside the channels that messages and workflows are judged by. */
const FILES: readonly string[] = [MODELS_FILE, BUDGETS_FILE, PEOPLE_FILE, TRANSPORT_FILE];
const FOLDERS: readonly string[] = [WORKFLOWS, SCHEMAS, ...PERSONA_FOLDERS];
const FILES_MAX = 200;

/** Those of the paths whose file in the clone differs from the tip, or is missing. */
export async function differing(
  session: TransportSession,
  paths: readonly string[],
): Promise<readonly string[]> {
  const { tip } = session.mirror.index();
  const { clone } = session.located;
  if (clone === null || tip === null) return [];
  const own = await Promise.all(paths.map((path) => readFile(join(clone, path)).catch(() => null)));
  const entries = await session.repository.lookUp(tip, paths);
  const oids = entries.flatMap((entry) => (entry?.kind === 'file' ? [entry.oid] : []));
  const blobs = await session.repository.readBlobs(oids, MESSAGE_BYTES_MAX);
  const texts = new Map(oids.map((oid, at) => [oid, textOf(blobs[at])]));
  return paths.filter((_, at) => {
    const [here, there] = [own[at] ?? null, entries[at]];
    if (here === null) return false;
    return there?.kind !== 'file' || texts.get(there.oid) !== plain(here);
  });
}

/**
 * Those that models, saved workflows, schemas and personas are read from: a person who checks
 * something in a clone that has others learns by which it was judged.
 */
export async function differingSettings(session: TransportSession): Promise<readonly string[]> {
  const { clone } = session.located;
  if (clone === null) return [];
  const listed = await Promise.all(
    FOLDERS.map(async (folder) => {
      const names = await readdir(join(clone, folder)).catch((): readonly string[] => []);
      return names.filter((name) => !name.startsWith('.')).map((name) => `${folder}/${name}`);
    }),
  );
  return differing(session, [...FILES, ...listed.flat().sort(byCodeUnit)].slice(0, FILES_MAX));
}

/** The same for people, in a sentence; null: nothing differs. */
export function sayDiffering(paths: readonly string[]): string | null {
  const [first, ...more] = paths;
  if (first === undefined) return null;
  const others = more.length === 0 ? '' : ` and ${more.length} more`;
  return `judged by what is pushed; this clone has another version of ${first}${others} is another: git pull, or commit and push`;
}

function textOf(
  blob: Awaited<ReturnType<TransportSession['repository']['readBlobs']>>[number] | undefined,
): string {
  return blob?.kind === 'bytes' ? plain(Buffer.from(blob.bytes)) : '';
}

/** Git may have other line ends in a clone than in the transport. */
function plain(bytes: Buffer): string {
  return bytes.toString('latin1').replaceAll('\r\n', '\n');
}
