/**
 * Which sessions agents of this host have begun, for which model and message. A message or reply
 * that names a session comes from anyone who may push: only what stands here is continued, and only
 * where it belongs. Losing the file costs nothing but fresh sessions.
 */
import { appendFile } from 'node:fs/promises';
import { parseTaskPath, channelOf } from '../protocol/paths.ts';
import { isMapping } from '../protocol/yaml.ts';
import { parseJson } from '../base/parse-json.ts';
import { readTextFile, writeShortcutFile } from './durable-file.ts';

/** A session that a program reported, and the message that it answered in it. */
export interface SessionNote {
  readonly model: string;
  readonly message: string;
  readonly session: string;
}

/** Where a session is to be continued. */
export interface SessionUse extends SessionNote {
  /** Messages that this one answers, theirs, and so on. */
  readonly thread: readonly string[];
}

/** What this host remembers of sessions. */
export interface SessionLedger {
  readonly note: (note: SessionNote) => Promise<void>;
  /** Whether it was begun here by that model in the same thread, or in the same run. */
  readonly knows: (use: SessionUse) => Promise<boolean>;
}

/** The newest ones are kept. */
const NOTES_MAX = 5_000;

/** The ledger in a file of the state directory. */
export function openSessionLedger(path: string): SessionLedger {
  let notes: Promise<SessionNote[]> | null = null;
  const read = (): Promise<SessionNote[]> => (notes ??= readNotes(path));
  return {
    note: async (note) => {
      const known = await read();
      known.push(note);
      await appendFile(path, `${JSON.stringify(note)}\n`, { mode: 0o600 });
      if (known.length < 2 * NOTES_MAX) return;
      known.splice(0, known.length - NOTES_MAX);
      await writeShortcutFile(path, known.map((one) => `${JSON.stringify(one)}\n`).join(''));
    },
    knows: async (use) =>
      (await read()).some(
        ({ model, session, message }) =>
          model === use.model && session === use.session && belongs(message, use),
      ),
  };
}

function belongs(message: string, use: SessionUse): boolean {
  if (message === use.message || use.thread.includes(message)) return true;
  const areTasks = parseTaskPath(message) !== null && parseTaskPath(use.message) !== null;
  return areTasks && channelOf(message) === channelOf(use.message);
}

async function readNotes(path: string): Promise<SessionNote[]> {
  const text = (await readTextFile(path).catch(() => null)) ?? '';
  return text.split('\n').flatMap((line) => {
    const value = parseJson(line);
    if (!isMapping(value)) return [];
    const { model, message, session } = value;
    return typeof model === 'string' && typeof message === 'string' && typeof session === 'string'
      ? [{ model, message, session }]
      : [];
  });
}
