/**
 * Files of a message or reply: which paths may be named, how names are made harmless, and the
 * limits. Pure.
 */
import { isPortable } from './names.ts';
import { attachmentFolder, channelOf, DATA, pathProblem } from './paths.ts';

/**
 * Limits of one message and of one reply. The outbox keeps the files of a reply in one file, and
 * every clone gets them for good.
 */
export const ATTACHMENTS_MAX = 32;
export const ATTACHMENTS_BYTES_MAX = 8 * 1_048_576;
const NAME_BYTES_MAX = 120;

/** One file by the plain name under which an agent or a reader finds it. */
export interface Attachment {
  readonly name: string;
  readonly bytes: Uint8Array;
}

export type AttachmentsNamed =
  | {
      readonly kind: 'named';
      readonly files: readonly { readonly path: string; readonly name: string }[];
    }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * The paths that a message's `files:` mean, in order, each with the name that the agent finds it
 * by. They are relative to the folder of the message; one that begins with `data/` is a path of the
 * transport. All must lie in the message's own channel.
 */
export function nameAttachments(message: string, files: readonly string[]): AttachmentsNamed {
  if (files.length > ATTACHMENTS_MAX)
    return refused(`files: ${files.length} files; expected at most ${ATTACHMENTS_MAX}`);
  const paths = wholePaths(message, files);
  for (const [at, path] of paths.entries()) {
    const problem =
      pathProblem(path) ??
      (channelOf(path) === channelOf(message) ? null : 'it lies in another channel');
    if (problem !== null)
      return refused(
        `files: ${JSON.stringify(files[at])}: ${problem}; expected a path beside the message`,
      );
  }
  const unique = [...new Set(paths)];
  const names = harmlessNames(unique.map((path) => path.slice(path.lastIndexOf('/') + 1)));
  return { kind: 'named', files: unique.map((path, at) => ({ path, name: names[at] ?? '' })) };
}

/** `files:` of the message at `message` as paths of the transport: they mean the same anywhere. */
export function wholePaths(message: string, files: readonly string[]): readonly string[] {
  const folder = message.slice(0, message.lastIndexOf('/'));
  return files.map((file) => (isWholePath(file) ? file : `${folder}/${file}`));
}

/** True for a path of the transport; every other is relative to the folder of its message. */
export function isWholePath(file: string): boolean {
  return file.startsWith(`${DATA}/`);
}

/**
 * Plain file names for `names`, in order: one part each, nothing that a shell, a terminal or
 * another file system could take for more, no two alike.
 */
export function harmlessNames(names: readonly string[]): readonly string[] {
  const taken = new Set<string>();
  return names.map((name) => {
    const base = harmlessName(name);
    let free = base;
    for (let count = 2; taken.has(free.toLowerCase()); count += 1) free = `${count}-${base}`;
    taken.add(free.toLowerCase());
    return free;
  });
}

function harmlessName(name: string): string {
  const plain = name
    .normalize('NFC')
    .replace(/[^\p{L}\p{N}._ +=@()-]+/gu, '-')
    .replace(/^[\s.-]+|(?<![\s.])[\s.]+$/g, '');
  // What Windows takes for a device, and git for its own.
  const safe = isPortable(plain) ? plain : `_${plain}`;
  return cutBytes(safe === '' ? 'file' : safe);
}

/** The ending shows people and programs what a file is, so the middle is cut. */
function cutBytes(name: string): string {
  if (Buffer.byteLength(name) <= NAME_BYTES_MAX) return name;
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? '';
  const points = Array.from(name.slice(0, name.length - ending.length));
  while (Buffer.byteLength(points.join('')) > NAME_BYTES_MAX - ending.length) points.pop();
  return points.join('').trimEnd() + ending;
}

/** Why these are too many or too large, or null. `what` begins the sentence. */
export function amountProblem(what: string, sizes: readonly number[]): string | null {
  if (sizes.length > ATTACHMENTS_MAX)
    return `${what}: ${sizes.length} files; expected at most ${ATTACHMENTS_MAX}`;
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return bytes > ATTACHMENTS_BYTES_MAX
    ? `${what}: ${bytes} bytes together; expected at most ${ATTACHMENTS_BYTES_MAX}`
    : null;
}

/**
 * `files:` of the message or reply at `path` whose files stand in its own folder under these names.
 */
export function fieldOfAttachments(path: string, names: readonly string[]): readonly string[] {
  const folder = attachmentFolder(path);
  return names.map((name) => `${folder.slice(folder.lastIndexOf('/') + 1)}/${name}`);
}

function refused(why: string): AttachmentsNamed {
  return { kind: 'refused', why };
}
