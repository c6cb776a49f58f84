/**
 * Whether the program behind a model is on this host: what `models`, `allow` and `join` say of it.
 * Looks only, starts nothing.
 */
import { delimiter, isAbsolute, join } from 'node:path';
import { ADAPTERS } from '../../agents/adapters.ts';
import { isExecutable } from '../../agents/executable.ts';
import type { ModelEntry } from '../../protocol/models.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** The program of an entry: its name, and where it is; `path: null` = not found. */
export interface Program {
  readonly name: string;
  readonly path: string | null;
}

/** The program that an attempt would start. Null when the adapter needs none. */
export function findProgram(entry: ModelEntry, env: Env): Program | null {
  const [own] = entry.command;
  const names = own === undefined ? (ADAPTERS[entry.adapter]?.detection?.executables ?? []) : [own];
  const [first] = names;
  if (first === undefined) return null;
  for (const name of names) {
    const path = findExecutable(name, env);
    if (path !== null) return { name, path };
  }
  return { name: first, path: null };
}

function findExecutable(name: string, env: Env): string | null {
  if (isAbsolute(name)) return isExecutable(name) ? name : null;
  // A relative path would depend on the directory of the attempt; the search path is what counts.
  const directories = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => isAbsolute(directory));
  return directories.map((directory) => join(directory, name)).find(isExecutable) ?? null;
}
