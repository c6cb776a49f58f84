/**
 * What is known of sessions of agents on this host: the sums that programs reported for them, by
 * the session's id. The newest stay. A disk that takes nothing costs the figure, never an attempt.
 */
import { checkedUsage, type Usage } from '../protocol/usage.ts';
import { isMapping } from '../protocol/yaml.ts';
import { readTextFile, writeShortcutFile } from './durable-file.ts';

const SESSIONS_MAX = 2_000;

/** Sums by session. Neither rejects. */
export interface SessionUsage {
  readonly read: (session: string) => Promise<Usage | null>;
  readonly write: (session: string, total: Usage) => Promise<void>;
}

/** The sums in the file at `path`; one that is not there, or cannot be read, counts as empty. */
export function createSessionUsage(path: string, sessionsMax = SESSIONS_MAX): SessionUsage {
  const loaded = load(path);
  let writing: Promise<void> = Promise.resolve();
  return {
    read: async (session) => (await loaded).get(session) ?? null,
    write: async (session, total) => {
      const sums = await loaded;
      sums.delete(session);
      sums.set(session, checkedUsage(total));
      for (const oldest of sums.keys()) {
        if (sums.size <= sessionsMax) break;
        sums.delete(oldest);
      }
      const save = (): Promise<void> =>
        writeShortcutFile(path, JSON.stringify([...sums])).catch(() => undefined);
      writing = writing.then(save);
      await writing;
    },
  };
}

async function load(path: string): Promise<Map<string, Usage>> {
  try {
    const read: unknown = JSON.parse((await readTextFile(path)) ?? '[]');
    const entries = Array.isArray(read) ? (read as unknown[]) : [];
    return new Map(entries.flatMap((entry) => readEntry(entry)));
  } catch {
    return new Map();
  }
}

function readEntry(entry: unknown): readonly (readonly [string, Usage])[] {
  if (!Array.isArray(entry)) return [];
  const [session, sums] = entry as unknown[];
  if (typeof session !== 'string' || !isMapping(sums)) return [];
  const number = (key: keyof Usage): number | null => {
    const value = sums[key];
    return typeof value === 'number' ? value : null;
  };
  return [
    [
      session,
      checkedUsage({
        tokensIn: number('tokensIn'),
        tokensOut: number('tokensOut'),
        costUsd: number('costUsd'),
      }),
    ],
  ];
}
