/**
 * The two folders of an attempt: what the message brings, to be read only, and what the agent
 * leaves for its reply.
 */
import { constants, mkdirSync } from 'node:fs';
import { chmod, lstat, mkdir, open, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText } from '../base/errors.ts';
import { byCodeUnit } from '../base/order.ts';
import { removeTree } from '../base/remove-tree.ts';
import {
  amountProblem,
  type Attachment,
  ATTACHMENTS_BYTES_MAX,
  ATTACHMENTS_MAX,
  harmlessNames,
} from '../protocol/attachments.ts';
import { ATTACHMENTS_FOLDER, type AttemptRequest, OUTPUT_FOLDER } from './agent.ts';
import type { Env } from './agent-env.ts';
import type { Redact } from './redact.ts';

/** Folders in the output folder are looked into so deep. */
const DEPTH_MAX = 8;

/**
 * Makes both folders afresh and gives the names by which the agent finds them. Rejects when the
 * disk does.
 */
export async function openExchange({ directory, attachments = [] }: AttemptRequest): Promise<Env> {
  const [given, output] = [join(directory, ATTACHMENTS_FOLDER), join(directory, OUTPUT_FOLDER)];
  await removeTree(output);
  mkdirSync(output, { mode: 0o700 });
  if (attachments.length === 0) return { CROSSTALK_OUTPUT: output };
  await unlock(given);
  await removeTree(given);
  await mkdir(given, { mode: 0o700 });
  for (const { name, bytes } of attachments)
    await writeFile(join(given, name), bytes, { mode: 0o400, flag: 'wx' });
  await chmod(given, 0o500);
  return { CROSSTALK_OUTPUT: output, CROSSTALK_ATTACHMENTS: given };
}

/** Lets the owner of the attempt's directory remove it. */
export async function closeExchange({
  directory,
  attachments = [],
}: AttemptRequest): Promise<void> {
  if (attachments.length > 0) await unlock(join(directory, ATTACHMENTS_FOLDER));
  const output = join(directory, OUTPUT_FOLDER);
  await removeTree(output).catch(() => undefined);
}

async function unlock(folder: string): Promise<void> {
  const found = await lstat(folder).catch(() => null);
  // Through a link the mode of something else would be changed.
  if (found?.isDirectory() === true) await chmod(folder, 0o700).catch(() => undefined);
}

export type Collected =
  | { readonly kind: 'collected'; readonly files: readonly Attachment[] }
  | { readonly kind: 'refused'; readonly why: string };

/**
 * What the agent left: regular files below its output folder, by harmless names (`charts/a.png` →
 * `charts-a.png`). All of them, or a reason.
 */
export async function collectOutput(directory: string, redact: Redact): Promise<Collected> {
  try {
    const output = join(directory, OUTPUT_FOLDER);
    const folder = await lstat(output).catch(() => null);
    if (folder === null) return { kind: 'collected', files: [] };
    if (!folder.isDirectory())
      return refused('the output folder was replaced by something else; expected a folder');
    const found = await listRegular(output);
    if (found.kind === 'refused') return found;
    const problem = amountProblem(
      'the output folder',
      found.paths.map(({ size }) => size),
    );
    if (problem !== null) return refused(problem);
    const names = harmlessNames(found.paths.map(({ path }) => path.replaceAll('/', '-')));
    const files: Attachment[] = [];
    for (const [at, { path }] of found.paths.entries()) {
      const bytes = await readRegular(join(output, path));
      if (bytes === null)
        return refused(
          `${JSON.stringify(path)} in the output folder is no longer a regular file, or it grew`,
        );
      const text = Buffer.from(bytes).toString('utf8');
      if (redact(text) !== text)
        return refused(
          `${JSON.stringify(path)} in the output folder contains a secret of this host`,
        );
      files.push({ name: names[at] ?? 'file', bytes });
    }
    return { kind: 'collected', files };
  } catch (error) {
    return refused(`the output folder cannot be read: ${errorText(error)}`);
  }
}

type Listed =
  | {
      readonly kind: 'listed';
      readonly paths: readonly { readonly path: string; readonly size: number }[];
    }
  | { readonly kind: 'refused'; readonly why: string };

async function listRegular(output: string): Promise<Listed> {
  const paths: { path: string; size: number }[] = [];
  const folders = [''];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const names = (await readdir(join(output, folder))).sort(byCodeUnit);
    for (const name of names) {
      const path = folder === '' ? name : `${folder}/${name}`;
      const found = await lstat(join(output, path));
      if (found.isDirectory() && path.split('/').length < DEPTH_MAX) folders.push(path);
      else if (found.isFile()) paths.push({ path, size: found.size });
      else
        return {
          kind: 'refused',
          why: `${JSON.stringify(path)} in the output folder is ${found.isDirectory() ? 'a folder too deep' : 'no regular file'}; expected regular files`,
        };
      // An endless folder is not listed to its end.
      if (paths.length > ATTACHMENTS_MAX || folders.length > ATTACHMENTS_MAX)
        return {
          kind: 'refused',
          why: `the output folder: more than ${ATTACHMENTS_MAX} files or folders; expected at most ${ATTACHMENTS_MAX}`,
        };
    }
  }
  return { kind: 'listed', paths: paths.sort((a, b) => byCodeUnit(a.path, b.path)) };
}

/** The bytes, or null when it is a link, or larger than all may be. */
async function readRegular(path: string): Promise<Uint8Array | null> {
  const file = await open(
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
  ).catch(() => null);
  if (file === null) return null;
  try {
    const found = await file.stat();
    return found.isFile() && found.size <= ATTACHMENTS_BYTES_MAX
      ? (await file.readFile()).subarray(0, found.size)
      : null;
  } finally {
    await file.close();
  }
}

function refused(why: string): Collected {
  return { kind: 'refused', why };
}
