/** Files that go with a message, from this machine into the transport. */
import { constants } from 'node:fs';
import { lstat, open, realpath } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import {
  amountProblem,
  ATTACHMENTS_BYTES_MAX,
  fieldOfAttachments,
  harmlessNames,
  isWholePath,
  nameAttachments,
} from '../../protocol/attachments.ts';
import { isErrno } from '../../local/durable-file.ts';
import { attachmentFolder } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { startDirectory } from '../look/reading.ts';
import { fixBy, fixByHand } from '../../base/fix.ts';

/** One file on its way: its path in the transport, and how the message's `files:` names it. */
export interface AttachedFile {
  readonly path: string;
  readonly field: string;
  readonly bytes: Uint8Array;
}

/**
 * What --file names, and what the text itself names beside where the command was started, for the
 * message that will stand at `message`. Throws USAGE for what cannot be read, REFUSED for too much.
 */
export async function attachFiles(
  invocation: Invocation,
  message: string,
  named: readonly string[],
): Promise<readonly AttachedFile[]> {
  const beside = named.filter((file) => !isWholePath(file));
  const asked = [...(invocation.options.get('file') ?? []), ...beside];
  const read = await Promise.all(
    asked.map(async (file) => {
      const full = resolve(startDirectory(invocation), file);
      // A link that a person names is meant.
      return readAttached(await realpath(full).catch(() => full), file);
    }),
  );
  refuseTooMuch(read);
  return placeAttached(message, asked, read);
}

/**
 * What a message written in a clone names and the clone has; the rest must be on the branch
 * already.
 */
export async function attachNamed(
  clone: string | null,
  message: string,
  files: readonly string[],
): Promise<readonly { readonly path: string; readonly bytes: Uint8Array }[]> {
  if (clone === null || files.length === 0) return [];
  const named = nameAttachments(message, files);
  if (named.kind === 'refused')
    throw new CrosstalkError('MESSAGE_REJECTED', named.why, {
      fix: fixBy`mv FILE ${attachmentFolder(message)}/`,
    });
  const attached: { path: string; bytes: Uint8Array }[] = [];
  const root = await realpath(clone);
  for (const { path } of named.files) {
    const full = join(root, path);
    if ((await lstat(full).catch(() => null)) === null) continue;
    if ((await realpath(full).catch(() => null)) !== full) throw reachedByLink(path, full);
    attached.push({ path, bytes: await readAttached(full, path) });
  }
  refuseTooMuch(attached.map(({ bytes }) => bytes));
  return attached;
}

/**
 * What a message that was written in `folder`, outside the transport, names there, for the
 * message that will stand at `message`. Throws as `attachFiles` does, and REFUSED for links.
 */
export async function attachBeside(
  folder: string,
  message: string,
  files: readonly string[],
): Promise<readonly AttachedFile[]> {
  const root = await realpath(folder);
  const read = await Promise.all(
    files.map(async (file) => {
      const full = join(root, file);
      // It may come from a stranger, and a link may point anywhere.
      if (((await realpath(full).catch(() => null)) ?? full) !== full)
        throw reachedByLink(file, full);
      return readAttached(full, file);
    }),
  );
  refuseTooMuch(read);
  return placeAttached(message, files, read);
}

function placeAttached(
  message: string,
  files: readonly string[],
  read: readonly Uint8Array[],
): readonly AttachedFile[] {
  const names = harmlessNames(files.map((file) => basename(file)));
  const fields = fieldOfAttachments(message, names);
  return read.map((bytes, at) => ({
    path: `${attachmentFolder(message)}/${names[at] ?? ''}`,
    field: fields[at] ?? '',
    bytes,
  }));
}

function reachedByLink(path: string, full: string): CrosstalkError {
  return new CrosstalkError(
    'REFUSED',
    `${path} is reached through a link; expected a regular file`,
    { fix: fixBy`ls -l ${full}` },
  );
}

function refuseTooMuch(files: readonly Uint8Array[]): void {
  const problem = amountProblem(
    'send',
    files.map(({ length }) => length),
  );
  if (problem !== null)
    throw new CrosstalkError('REFUSED', problem, {
      fix: fixByHand('put large files where agents can fetch them and send the address'),
    });
}

/** A device or a pipe is not waited for, and a link in a clone may point anywhere. */
async function readAttached(full: string, name: string): Promise<Uint8Array> {
  const broken = (why: string, cause?: unknown): CrosstalkError =>
    new CrosstalkError('USAGE', `send: cannot attach "${name}": ${why}; expected a regular file`, {
      fix: fixBy`ls -l ${name}`,
      cause,
    });
  const file = await open(
    full,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch((error: unknown) => {
    throw broken(isErrno(error, 'ENOENT') ? 'there is none' : errorText(error), error);
  });
  try {
    const found = await file.stat();
    if (!found.isFile()) throw broken('it is not a regular file');
    if (found.size > ATTACHMENTS_BYTES_MAX)
      throw broken(`it has ${found.size} bytes; expected at most ${ATTACHMENTS_BYTES_MAX}`);
    return await file.readFile();
  } finally {
    await file.close();
  }
}
