/**
 * Output that came too late to be a reply: kept for people, published only by `adopt`; its files in
 * a folder beside it. Newest first to stay when the folder is full.
 */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { byCodeUnit } from '../base/order.ts';
import { removeTree } from '../base/remove-tree.ts';
import type { Attachment } from '../protocol/attachments.ts';
import { isMapping } from '../protocol/yaml.ts';
import {
  attempt,
  orMissing,
  readTextFile,
  removeDurableFile,
  writeDurableFile,
} from './durable-file.ts';
import type { LateAnswer, LateOutput } from './local-state.ts';

/** How much late output stays. */
export interface LateLimits {
  readonly filesMax: number;
  readonly bytesMax: number;
}

/** What the dispatcher keeps. */
export const LATE_LIMITS: LateLimits = { filesMax: 200, bytesMax: 64 * 1_048_576 };

/** A kept output and where it stands; its files are read by `readLateFiles`. */
export interface KeptOutput extends Omit<LateOutput, 'files'> {
  readonly path: string;
}

const FILES = '.files';

/**
 * Keeps `late` in `directory` as a text file, once for each attempt, and removes the oldest beyond
 * the limits (never the one just kept).
 */
export async function keepLate(
  directory: string,
  late: LateOutput,
  limits: LateLimits = LATE_LIMITS,
): Promise<void> {
  const kept = await listFiles(directory);
  const stem = attemptStem(late);
  const name =
    kept.find((file) => file.stem === stem)?.name ??
    `${String((kept.at(-1)?.number ?? 0) + 1).padStart(9, '0')}-${stem}.txt`;
  const { text, files = [], ...head } = late;
  const path = join(directory, name);
  await writeFiles(path, files);
  await writeDurableFile(path, `${JSON.stringify(head)}\n\n${text}`);
  await removeOldest(directory, name, limits);
}

/** What is kept, oldest first; files that cannot be read as such are left out. */
export async function listLate(directory: string): Promise<readonly KeptOutput[]> {
  const kept: KeptOutput[] = [];
  for (const { name } of await listFiles(directory)) {
    const path = join(directory, name);
    const late = parseLate((await readTextFile(path)) ?? '');
    if (late !== null) kept.push({ ...late, path });
  }
  return kept;
}

/** The files of a kept output. */
export async function readLateFiles({ path }: KeptOutput): Promise<readonly Attachment[]> {
  const names = await listNames(path + FILES);
  return Promise.all(
    names.map(async (name) => ({ name, bytes: await readFile(join(path + FILES, name)) })),
  );
}

/** Removes a kept output with its files. */
export async function removeLate(path: string): Promise<void> {
  await attempt(path, () => removeTree(path + FILES));
  await removeDurableFile(path);
}

async function writeFiles(path: string, files: NonNullable<LateOutput['files']>): Promise<void> {
  const folder = path + FILES;
  await attempt(folder, () => removeTree(folder));
  if (files.length === 0) return;
  await attempt(folder, () => mkdir(folder, { mode: 0o700 }));
  for (const { name, base64 } of files)
    await writeDurableFile(join(folder, name), Buffer.from(base64, 'base64'));
}

async function listNames(directory: string): Promise<readonly string[]> {
  const names = await attempt(directory, () => orMissing(readdir(directory), []));
  return names.sort(byCodeUnit);
}

interface LateFile {
  readonly name: string;
  readonly number: number;
  readonly stem: string;
}

async function listFiles(directory: string): Promise<readonly LateFile[]> {
  const names = await listNames(directory);
  return names
    .flatMap((name): readonly LateFile[] => {
      const match = /^(\d{9,15})-(.+)\.txt$/.exec(name);
      return match === null ? [] : [{ name, number: Number(match[1]), stem: match[2] ?? '' }];
    })
    .sort((a, b) => a.number - b.number);
}

/** Attempt ids are ours, but a file name must not depend on that. */
function attemptStem(late: LateOutput): string {
  const stem = `${late.key}.${late.attemptId}`;
  return /^[0-9A-Za-z_-]{1,80}\.[0-9A-Za-z_-]{1,80}$/.test(stem)
    ? stem
    : createHash('sha256').update(stem).digest('hex');
}

async function removeOldest(directory: string, newest: string, limits: LateLimits): Promise<void> {
  let [files, bytes] = [0, 0];
  for (const { name } of [...(await listFiles(directory))].reverse()) {
    const path = join(directory, name);
    files += 1;
    const beside = (await listNames(path + FILES)).map((file) => join(path + FILES, file));
    for (const each of [path, ...beside]) bytes += (await attempt(each, () => stat(each))).size;
    if (name !== newest && (files > limits.filesMax || bytes > limits.bytesMax))
      await removeLate(path);
  }
}

function parseLate(content: string): LateOutput | null {
  const end = content.indexOf('\n\n');
  if (end < 0) return null;
  try {
    const head: unknown = JSON.parse(content.slice(0, end));
    if (!isMapping(head)) return null;
    const { key, attemptId, reason, of } = head;
    if (typeof key !== 'string' || typeof attemptId !== 'string' || typeof reason !== 'string')
      return null;
    return { key, attemptId, reason, of: parseAnswer(of), text: content.slice(end + 2) };
  } catch {
    return null;
  }
}

const FORMS = ['answer', 'failure', 'part'] as const;

function parseAnswer(value: unknown): LateAnswer | null {
  if (!isMapping(value)) return null;
  const { message, recipient, host, attempt, atMs } = value;
  const form = FORMS.find((known) => known === value['form']);
  return typeof message === 'string' &&
    typeof recipient === 'string' &&
    typeof attempt === 'number' &&
    typeof atMs === 'number' &&
    form !== undefined
    ? { message, recipient, ...(typeof host === 'string' ? { host } : {}), attempt, atMs, form }
    : null;
}
