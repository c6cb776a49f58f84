/**
 * What each attempt on this host printed, kept for people: one text file an attempt, written while
 * it runs, the first line says whose it is. The oldest go when the folder is full. A disk that
 * takes nothing costs the transcript, never the attempt.
 */
import {
  closeSync,
  existsSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isMapping } from '../protocol/yaml.ts';
import { ensurePrivateDirectory, orMissing, readTextFile } from './durable-file.ts';

/** How much is kept. */
export interface TranscriptLimits {
  readonly filesMax: number;
  readonly bytesMax: number;
  readonly fileBytesMax: number;
}

/** What the dispatcher keeps. */
export const TRANSCRIPT_LIMITS: TranscriptLimits = {
  filesMax: 500,
  bytesMax: 128 * 1_048_576,
  fileBytesMax: 4 * 1_048_576,
};

/** Whose output it is. */
export interface TranscriptHead {
  readonly attemptId: string;
  /** Path of the message. */
  readonly message: string;
  readonly model: string;
  readonly startedAt: string;
}

/** A transcript that is being written. */
export interface OpenTranscript {
  readonly write: (text: string) => void;
  /** Keeps bytes that are not clean text, in a file beside it. */
  readonly writeRaw: (bytes: Uint8Array) => void;
  readonly close: () => void;
}

/** A kept transcript. */
export interface Transcript extends TranscriptHead {
  readonly path: string;
  /** The file with the bytes that were not clean text, or null. */
  readonly raw: string | null;
  readonly text: string;
}

const CUT = '\n[… the rest was not kept: it is too long]\n';
/** Ending of the file beside a transcript. */
const RAW = '.raw';
const NAME = /^(\d{9,15})-[0-9A-Za-z._-]{1,120}\.txt$/;

/** Begins the transcript of an attempt. */
export async function openTranscript(
  directory: string,
  head: TranscriptHead,
  limits: TranscriptLimits = TRANSCRIPT_LIMITS,
): Promise<OpenTranscript> {
  try {
    await ensurePrivateDirectory(directory);
    const names = listNames(directory);
    removeOldest(directory, names, limits);
    const number = Number(NAME.exec(names.at(-1) ?? '')?.[1] ?? 0) + 1;
    const name = `${String(number).padStart(9, '0')}-${head.attemptId.replace(/[^0-9A-Za-z._-]/g, '_').slice(0, 100)}.txt`;
    const path = join(directory, name);
    return writeTo(openSync(path, 'a', 0o600), head, { path, bytesMax: limits.fileBytesMax });
  } catch {
    return { write: () => undefined, writeRaw: () => undefined, close: () => undefined };
  }
}

interface TranscriptPath {
  readonly path: string;
  readonly bytesMax: number;
}

function writeTo(
  descriptor: number,
  head: TranscriptHead,
  { path, bytesMax }: TranscriptPath,
): OpenTranscript {
  let room = bytesMax;
  let isOpen = true;
  const put = (text: string): void => {
    if (!isOpen) return;
    try {
      writeSync(descriptor, text);
    } catch {
      room = 0;
    }
  };
  put(`${JSON.stringify(head)}\n\n`);
  return {
    write: (text) => {
      const bytes = Buffer.byteLength(text);
      if (room <= 0) return;
      put(bytes <= room ? text : `${Buffer.from(text).subarray(0, room).toString('utf8')}${CUT}`);
      room -= bytes;
    },
    writeRaw: (bytes) => {
      try {
        writeFileSync(path + RAW, bytes.subarray(0, bytesMax), { mode: 0o600 });
      } catch {
        // A disk that takes nothing costs the copy.
      }
    },
    close: () => {
      if (isOpen) closeSync(descriptor);
      isOpen = false;
    },
  };
}

/** The transcripts of one message, oldest first. */
export async function readTranscripts(
  directory: string,
  message: string,
): Promise<readonly Transcript[]> {
  const names = await orMissing(readdir(directory), []);
  const found: Transcript[] = [];
  for (const name of names.filter((entry) => NAME.test(entry)).sort()) {
    const path = join(directory, name);
    const content = (await readTextFile(path)) ?? '';
    const end = content.indexOf('\n\n');
    const head = end < 0 ? null : parseHead(content.slice(0, end));
    if (head?.message === message)
      found.push({
        ...head,
        path,
        raw: existsSync(path + RAW) ? path + RAW : null,
        text: content.slice(end + 2),
      });
  }
  return found;
}

function parseHead(line: string): TranscriptHead | null {
  try {
    const raw: unknown = JSON.parse(line);
    if (!isMapping(raw)) return null;
    const { attemptId, message, model, startedAt } = raw;
    const isWhole = [attemptId, message, model, startedAt].every(
      (value) => typeof value === 'string',
    );
    return isWhole
      ? {
          attemptId: String(attemptId),
          message: String(message),
          model: String(model),
          startedAt: String(startedAt),
        }
      : null;
  } catch {
    return null;
  }
}

function listNames(directory: string): readonly string[] {
  return readdirSync(directory)
    .filter((entry) => NAME.test(entry))
    .sort();
}

function removeOldest(directory: string, names: readonly string[], limits: TranscriptLimits): void {
  let bytes = 0;
  let kept = 0;
  for (const name of [...names].reverse()) {
    const path = join(directory, name);
    bytes += sizeOf(path) + sizeOf(path + RAW);
    kept += 1;
    if (kept >= limits.filesMax || bytes > limits.bytesMax)
      for (const file of [path, path + RAW]) rmSync(file, { force: true });
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}
