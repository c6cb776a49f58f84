/**
 * A person writes in their own editor; what they wrote is never lost, whatever happens to it
 * afterwards.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { Invocation } from '../command.ts';
import { fixByHand } from '../../base/fix.ts';

/** A text that was written, and where it is kept until it has been dealt with. */
export interface EditedText {
  readonly path: string;
  readonly bytes: Uint8Array;
}

/**
 * Opens the editor on `template`. Throws REFUSED when it cannot be started or ends badly; the file
 * is kept then.
 */
export async function editText(invocation: Invocation, template: string): Promise<EditedText> {
  const path = join(await mkdtemp(join(tmpdir(), 'crosstalk-edit-')), 'MESSAGE.md');
  await writeFile(path, template, { mode: 0o600 });
  const editor = invocation.env['VISUAL'] ?? invocation.env['EDITOR'] ?? 'vi';
  const ended = await runEditor(editor, path);
  if (ended !== null)
    throw new CrosstalkError(
      'REFUSED',
      `the editor (${editor}) ${ended}; nothing was sent and the text is kept: ${path}`,
      { fix: fixByHand('set EDITOR to a program that waits until you are done, or use -m TEXT') },
    );
  return { path, bytes: await readFile(path) };
}

/** Takes away a text that has been sent or that says nothing. */
export async function removeEdited({ path }: EditedText): Promise<void> {
  await rm(dirname(path), { recursive: true, force: true });
}

/** Does something with an edited text; when that fails the error says where the text is. */
export async function keepingText<T>(edited: EditedText, act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    const kept = `${errorText(error)}\n  your text is kept: ${edited.path}`;
    if (error instanceof CrosstalkError)
      throw new CrosstalkError(error.code, kept, {
        cause: error,
        ...(error.fix === null ? {} : { fix: error.fix }),
      });
    throw new CrosstalkError('INTERNAL', kept, { cause: error });
  }
}

/**
 * Runs the editor as git does: through the shell, because people write `code --wait` there. Null
 * when all went well.
 */
function runEditor(editor: string, path: string): Promise<string | null> {
  return new Promise((resolve) => {
    const child = spawn('sh', ['-c', `${editor} "$@"`, editor, path], { stdio: 'inherit' });
    child.once('error', (error) => resolve(`cannot be started: ${error.message}`));
    child.once('close', (code, signal) =>
      resolve(code === 0 ? null : `ended with ${signal ?? `status ${code ?? 1}`}`),
    );
  });
}
