/** Whether a cache takes files: when it does not, a remote is not to blame for a failed fetch. */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CrosstalkError, errorText } from '../base/errors.ts';
import { fixBy, orElse } from '../base/fix.ts';

/** Bytes that must fit. */
const PROBE_BYTES = 1_048_576;

/**
 * Throws STATE_UNUSABLE, naming the folder, when nothing can be written below `gitDir`. `clean` is
 * called before: with the room that it makes the answer would be another one.
 */
export function requireWritable(gitDir: string, clean: () => void): void {
  const folder = join(gitDir, 'objects');
  if (!existsSync(folder)) return;
  const path = join(folder, `.probe-${process.pid}`);
  try {
    writeFileSync(path, Buffer.alloc(PROBE_BYTES));
  } catch (error) {
    quietly(clean);
    const code = error instanceof Error && 'code' in error ? String(error.code) : errorText(error);
    throw new CrosstalkError(
      'STATE_UNUSABLE',
      `${folder}: what the remote sends cannot be written there (${code}); expected a folder with room that this user may write.`,
      { fix: orElse(fixBy`df -h ${folder}`, fixBy`ls -ld ${folder}`), cause: error },
    );
  } finally {
    quietly(() => rmSync(path, { force: true }));
  }
}

function quietly(remove: () => void): void {
  try {
    remove();
  } catch {
    // Where nothing can be written nothing can be removed.
  }
}
