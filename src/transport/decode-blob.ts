/** Decodes a blob as a message, within a bound of work. */
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { decodeMessage, type MessageRead } from '../protocol/message.ts';
import type { BlobRead } from './repository.ts';

/** Work (see `workOf`) that is done in one go before others have their turn. */
export const WORK_A_TURN = 128 * 1024;
const HEAD_BYTES_MAX = 65_536;
const WORK_A_FILE = 1_024;

/** Bytes of its head at most, and as many more as any file costs. */
export function workOf(blob: BlobRead | undefined): number {
  return blob?.kind === 'bytes'
    ? Math.min(blob.bytes.length, HEAD_BYTES_MAX) + WORK_A_FILE
    : WORK_A_FILE;
}

/** The message that a blob is at its path, or why it is not one. */
export function decodeBlob(blob: BlobRead | undefined, path: string): MessageRead {
  if (blob?.kind === 'bytes') return decodeMessage(blob.bytes, path);
  const found =
    blob?.kind === 'too-large' ? `${blob.sizeBytes} bytes` : 'an object that is not there';
  return {
    kind: 'rejected',
    rejection: { line: 1, found, expected: `at most ${MESSAGE_BYTES_MAX} bytes of text` },
  };
}
