/** The directories of an attempt, and steps with them whose failure is an outcome of it. */
import { chmod, mkdir, stat, writeFile } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { errorText } from '../base/errors.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { AttemptRequest } from './agent.ts';

/** Where it runs: `cwd:` of the entry, in HOME when it is relative, or the attempt's directory. */
export function resolveDirectory(
  { entry, directory }: AttemptRequest,
  home: string | undefined,
): string {
  const cwd = entry.cwd === null ? directory : expandHome(entry.cwd, home);
  return isAbsolute(cwd) ? cwd : resolve(home ?? directory, cwd);
}

/** `~` and `~/x` in HOME. */
export function expandHome(path: string, home: string | undefined): string {
  return home !== undefined && (path === '~' || path.startsWith('~/'))
    ? join(home, path.slice(1))
    : path;
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** What went wrong, or null. For steps whose failure is an outcome of the attempt. */
export async function failureOf(step: () => Promise<unknown>): Promise<string | null> {
  return step().then(() => null, errorText);
}

/** Private files, name → content. */
export async function writeFiles(
  directory: string,
  files: Readonly<Record<string, string>>,
): Promise<void> {
  for (const [name, content] of Object.entries(files))
    await writeFile(join(directory, name), content, { mode: 0o600 });
}

/** An empty directory that only its owner may enter, whatever was there. */
export async function makePrivate(directory: string): Promise<void> {
  await removeTree(directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await chmod(directory, 0o700);
}
