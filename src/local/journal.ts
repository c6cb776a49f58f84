/**
 * The journal: what this host was about to do, written before it does it. Append-only; one checked
 * line an entry; durable before `append` resolves. Entries that arrive while the disk is busy share
 * the next fsync, so many at once cost little more than one.
 */
import { writeFileSync } from 'node:fs';
import { open, readFile, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CrosstalkError } from '../base/errors.ts';
import { formatCheckedLine, parseCheckedLine, type OnDamage } from './checked-line.ts';
import {
  attempt,
  orMissing,
  localFailure,
  syncDirectory,
  writeDurableFile,
} from './durable-file.ts';
import { decodeJournalEntry } from './journal-entry.ts';
import type { JournalEntry } from './local-state.ts';

/** An open journal. Calls take effect in the order in which they were made. */
export interface Journal {
  /** What was durable when it was opened, oldest first. */
  readonly entries: readonly JournalEntry[];
  append(entry: JournalEntry): Promise<void>;
  /**
   * Puts `entries` in place of everything appended before this call. A kill leaves the old journal
   * or the new one.
   */
  compact(entries: readonly JournalEntry[]): Promise<void>;
  /** Waits for what was asked for, then closes. */
  close(): Promise<void>;
}

/**
 * Opens or makes the journal at `path`. Needs the lock. A torn last line is dropped; a damaged one
 * before it is reported and skipped.
 */
export async function openJournal(path: string, onDamage: OnDamage): Promise<Journal> {
  const bytes = await attempt(path, () => readWhole(path));
  const entries = parseJournal(bytes.toString('utf8'), (line, why) =>
    onDamage({ path, line, why }),
  );
  const file = await openEnd(path);
  return { entries, ...createWriter(path, file) };
}

/**
 * The entries in a journal's text. What follows the last newline was never promised to anybody and
 * is left out.
 */
export function parseJournal(
  text: string,
  onDamage: (line: number, why: string) => void,
): readonly JournalEntry[] {
  const lines = text.split('\n').slice(0, -1);
  return lines.flatMap((line, index) => {
    const read = parseCheckedLine(line);
    const entry = read.kind === 'value' ? decodeJournalEntry(read.value) : null;
    if (entry === null)
      onDamage(
        index + 1,
        read.kind === 'damaged' ? read.why : 'an entry of a kind that this version does not know',
      );
    return entry === null ? [] : [entry];
  });
}

async function readWhole(path: string): Promise<Buffer> {
  return orMissing(readFile(path), Buffer.alloc(0));
}

interface OpenEnd {
  readonly handle: FileHandle;
  /** Bytes that are whole lines. */
  size: number;
}

/** Opens for appending after the last whole line, so that nothing is ever glued to a torn one. */
async function openEnd(path: string): Promise<OpenEnd> {
  return attempt(path, async () => {
    const size = (await readWhole(path)).lastIndexOf(0x0a) + 1;
    const handle = await open(path, 'a', 0o600);
    try {
      await handle.chmod(0o600);
      await handle.truncate(size);
      await handle.sync();
      await syncDirectory(dirname(path));
    } catch (error) {
      await handle.close();
      throw error;
    }
    return { handle, size };
  });
}

interface Waiting {
  readonly line: string;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

function createWriter(path: string, opened: OpenEnd): Omit<Journal, 'entries'> {
  let file: OpenEnd | null = opened;
  /**
   * The batch that appends still join; null once it is being written or a compaction came after it.
   */
  let joinable: Waiting[] | null = null;
  let last: Promise<void> = Promise.resolve();
  let closed = false;
  const enqueue = (work: () => Promise<void>): Promise<void> => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
  const writeBatch = async (batch: readonly Waiting[]): Promise<void> => {
    if (joinable === batch) joinable = null;
    try {
      // The lock may belong to somebody else by now.
      if (closed && file === null)
        throw new CrosstalkError('INTERNAL', `${path}: written after it was closed.`);
      file ??= await openEnd(path);
      await appendDurably(file, batch.map((item) => item.line).join(''));
      for (const item of batch) item.resolve();
    } catch (error) {
      for (const item of batch) item.reject(localFailure(error, path));
    }
  };
  const closeFile = async (): Promise<void> => {
    const old = file;
    file = null;
    await old?.handle.close();
  };
  return {
    append: (entry) =>
      new Promise((resolve, reject) => {
        if (joinable === null) {
          const batch: Waiting[] = [];
          joinable = batch;
          void enqueue(() => writeBatch(batch));
        }
        joinable.push({ line: `${formatCheckedLine(entry)}\n`, resolve, reject });
      }),
    compact: (entries) => {
      joinable = null;
      return enqueue(async () => {
        // Whether or not the replacement succeeds, the open handle may lead to a file that has no
        // name any more.
        await closeFile();
        await writeDurableFile(
          path,
          entries.map((entry) => `${formatCheckedLine(entry)}\n`).join(''),
        );
      });
    },
    close: () => {
      closed = true;
      joinable = null;
      return enqueue(closeFile);
    },
  };
}

async function appendDurably(file: OpenEnd, text: string): Promise<void> {
  const bytes = Buffer.from(text);
  try {
    writeFileSync(file.handle.fd, bytes);
    await file.handle.datasync();
    file.size += bytes.length;
  } catch (error) {
    // A full disk may have taken half a line; what was not promised must not be in the way of the
    // next one.
    await file.handle.truncate(file.size).catch(() => undefined);
    throw error;
  }
}
