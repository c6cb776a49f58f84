/** What an error of any kind ends a command or a request with. */
import { CrosstalkError, errorText } from '../base/errors.ts';
import { isErrno, localFailure } from './durable-file.ts';

/** Calls that make, move or remove something, wherever that is. */
const WRITES: readonly string[] = [
  'open',
  ...['mkdir', 'mkdtemp', 'rename', 'unlink', 'rmdir', 'link', 'symlink', 'copyfile', 'chmod'],
];

/**
 * Our own errors as they are; STATE_UNUSABLE where the disk takes no files, whichever part wrote
 * there; INTERNAL for all others.
 */
export function toKnownError(error: unknown): CrosstalkError {
  if (error instanceof CrosstalkError) return error;
  const isFull = isErrno(error, 'ENOSPC', 'EDQUOT');
  // Node says of a folder on a read-only file system that there is none.
  const isClosed =
    isErrno(error, 'EROFS') || (isErrno(error, 'ENOENT') && error.syscall === 'mkdir');
  const isForbidden = isErrno(error, 'EACCES', 'EPERM') && WRITES.includes(error.syscall ?? '');
  if ((isFull || isClosed || isForbidden) && error.path !== undefined)
    return localFailure(error, error.path);
  // What is written into an open file has no path.
  if (isFull)
    return new CrosstalkError(
      'STATE_UNUSABLE',
      `no space left to write (${error.code ?? ''}); expected room below the state directory`,
      { fix: 'df -h', cause: error },
    );
  return new CrosstalkError('INTERNAL', errorText(error), { cause: error });
}
