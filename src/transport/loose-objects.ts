/** Writes loose objects in process, so that a commit needs no git process. */
import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { deflateSync, inflateSync } from 'node:zlib';
import type { Random } from '../base/random.ts';
import type { Oid } from '../base/ids.ts';

/** The two formats that a repository's ids can have. */
export type ObjectFormat = 'sha1' | 'sha256';

/** An object with the id that its content gives it. */
export interface NewObject {
  readonly oid: Oid;
  readonly type: 'blob' | 'tree' | 'commit';
  readonly bytes: Buffer;
}

/** The number of bytes of an id. */
export function hashBytesOf(format: ObjectFormat): number {
  return format === 'sha1' ? 20 : 32;
}

/** The format whose ids look like `oid`. */
export function formatOf(oid: Oid): ObjectFormat {
  return oid.length === 40 ? 'sha1' : 'sha256';
}

/** An object and its id. */
export function makeObject(
  format: ObjectFormat,
  type: NewObject['type'],
  bytes: Buffer,
): NewObject {
  const oid = createHash(format)
    .update(`${type} ${bytes.length}\0`)
    .update(bytes)
    .digest('hex') as Oid;
  return { oid, type, bytes };
}

/** Objects written between two turns of the event loop. */
const OBJECTS_A_TURN = 64;

/**
 * Writes objects below `<gitDir>/objects`; those that lie there already are passed over. Each
 * appears whole or not at all. Like git's own default for loose objects this does not wait for the
 * disk: what a power cut takes was not published, and the cache is disposable.
 */
export async function writeLoose(
  gitDir: string,
  objects: readonly NewObject[],
  random: Random,
): Promise<void> {
  const suffix = random.hex(8);
  for (const [i, object] of objects.entries()) {
    if (i > 0 && i % OBJECTS_A_TURN === 0) await new Promise(setImmediate);
    writeOne(gitDir, object, `tmp_obj_${suffix}_${i}`);
  }
}

// Synchronous on purpose: at a few hundred bytes an object this costs 0.1 ms; through the thread
// pool it costs more.
function writeOne(gitDir: string, { oid, type, bytes }: NewObject, tmpName: string): void {
  const folder = `${gitDir}/objects/${oid.slice(0, 2)}`;
  const path = `${folder}/${oid.slice(2)}`;
  // A power cut leaves files without content under whole names; what cannot be read is rewritten.
  if (readLoose(gitDir, oid) !== null) return;
  const content = deflateSync(Buffer.concat([Buffer.from(`${type} ${bytes.length}\0`), bytes]), {
    level: 1,
  });
  // In the object's own folder, as git does: in the common one above, ext4 takes four times as long
  // to make the file.
  const tmp = `${folder}/${tmpName}`;
  try {
    writeIn(folder, () => {
      writeFileSync(tmp, content, { mode: 0o444 });
      renameSync(tmp, path);
    });
  } catch (error) {
    // A full disk would be filled further by what did not fit on it.
    rmSync(tmp, { force: true });
    throw error;
  }
}

/**
 * Times that a folder is made which another process, that has just packed what was in it, removes.
 */
const FOLDER_TRIES_MAX = 5;

function writeIn(folder: string, write: () => void): void {
  for (let tries = 1; ; tries += 1) {
    try {
      write();
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || tries > FOLDER_TRIES_MAX)
        throw error;
      mkdirSync(folder, { recursive: true });
    }
  }
}

/** What an object holds, as git tells it. */
export interface LooseObject {
  readonly type: string;
  readonly bytes: Buffer;
}

/** Larger files are left to git, which reads them piece by piece. */
const FILE_BYTES_MAX = 256 * 1024;
const CONTENT_BYTES_MAX = 4 * 1024 * 1024;

/**
 * An object that lies below `<gitDir>/objects` as its own file, which what has just arrived
 * does: a question to a held git costs two changes of process for each. Null when it is packed,
 * large or not whole; git then says which.
 */
export function readLoose(gitDir: string, oid: Oid): LooseObject | null {
  const path = `${gitDir}/objects/${oid.slice(0, 2)}/${oid.slice(2)}`;
  if (!existsSync(path)) return null;
  try {
    const content = inflateSync(readSmallFile(path), { maxOutputLength: CONTENT_BYTES_MAX });
    const end = content.indexOf(0);
    const [, type, size] =
      /^(\w+) (\d+)$/.exec(content.toString('latin1', 0, Math.max(0, end))) ?? [];
    return type === undefined || Number(size) !== content.length - end - 1
      ? null
      : { type, bytes: content.subarray(end + 1) };
  } catch {
    return null;
  }
}

function readSmallFile(path: string): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    const { size } = fstatSync(descriptor);
    if (size > FILE_BYTES_MAX) throw new RangeError(`${path} is large`);
    const bytes = Buffer.allocUnsafe(size);
    return bytes.subarray(0, readSync(descriptor, bytes, 0, size, 0));
  } finally {
    closeSync(descriptor);
  }
}
