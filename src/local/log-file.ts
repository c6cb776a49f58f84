/**
 * The log as a file of JSON lines: rotated at a size, private, and safe to print whatever names it
 * holds.
 */
import { spellUnsafe } from '../base/plain-text.ts';
import { closeSync, fchmodSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';
import { formatIso, type Clock } from '../base/clock.ts';
import type { LogRecord } from '../base/log.ts';
import type { CrosstalkError } from '../base/errors.ts';
import { isErrno, localFailure } from './durable-file.ts';

/** Older files that stay beside the log: `log.jsonl.1` (the newest of them) to `.3`. */
const OLD_FILES_KEPT = 3;
/** One field of text; messages' bodies never go to the log, and nothing else is long. */
const FIELD_CHARS_MAX = 2_000;

/** An open log. */
export interface LogFile {
  /** Writes one record. Never throws: a full disk must not end the dispatcher. */
  write(record: LogRecord): void;
  close(): void;
}

/** What a log file needs to know. */
export interface LogFileOptions {
  readonly bytesMax: number;
  readonly clock: Clock;
  /** Told once when writing begins to fail, and again after it worked in between. */
  readonly onProblem: (problem: CrosstalkError) => void;
}

/**
 * Opens the log at `path`, appending. Written at once and synchronously, so the last lines before a
 * crash are there.
 */
export function openLogFile(path: string, options: LogFileOptions): LogFile {
  let file: OpenFile | null = null;
  let failing = false;
  let closed = false;
  const write = (record: LogRecord): void => {
    if (closed) return;
    const line = Buffer.from(`${formatLogLine(record, options.clock.wallMs())}\n`);
    try {
      file ??= openFile(path);
      if (file.bytes > 0 && file.bytes + line.length > options.bytesMax) {
        const full = file;
        file = null;
        file = rotate(path, full);
      }
      writeSync(file.descriptor, line);
      file.bytes += line.length;
      failing = false;
    } catch (error) {
      if (!failing) options.onProblem(localFailure(error, path));
      failing = true;
    }
  };
  return {
    write,
    close: () => {
      if (file !== null) closeSync(file.descriptor);
      file = null;
      closed = true;
    },
  };
}

/**
 * One line of JSON: time, level, event, then the fields. Control and direction characters are
 * escaped, so a terminal shows it as it is.
 */
export function formatLogLine(record: LogRecord, wallMs: number): string {
  const fields = Object.entries(record.fields).map(([key, value]) => [
    RESERVED.includes(key) ? `_${key}` : key,
    shorten(value),
  ]);
  const line = {
    at: formatIso(wallMs),
    level: record.level,
    event: record.event,
    ...(Object.fromEntries(fields) as object),
  };
  return spellUnsafe(JSON.stringify(line));
}

const RESERVED: readonly string[] = ['at', 'level', 'event'];

function shorten(value: LogRecord['fields'][string]): LogRecord['fields'][string] {
  if (typeof value !== 'string')
    return Array.isArray(value) ? value.slice(0, FIELD_CHARS_MAX).map(cut) : value;
  return cut(value);
}

function cut(text: string): string {
  return text.length > FIELD_CHARS_MAX ? `${text.slice(0, FIELD_CHARS_MAX)}…` : text;
}

interface OpenFile {
  readonly descriptor: number;
  bytes: number;
}

function openFile(path: string): OpenFile {
  const descriptor = openSync(path, 'a', 0o600);
  fchmodSync(descriptor, 0o600);
  return { descriptor, bytes: fstatSync(descriptor).size };
}

function rotate(path: string, full: OpenFile): OpenFile {
  closeSync(full.descriptor);
  for (let age = OLD_FILES_KEPT - 1; age >= 0; age -= 1)
    renameIfPresent(age === 0 ? path : `${path}.${age}`, `${path}.${age + 1}`);
  return openFile(path);
}

function renameIfPresent(from: string, to: string): void {
  try {
    renameSync(from, to);
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error;
  }
}
