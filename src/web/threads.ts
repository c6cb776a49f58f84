/**
 * From files to conversations: whatever answers or refers to something belongs to the thread of
 * that. Pure.
 */
import { byCodeUnit } from '../base/order.ts';

/** What is known of a message without its text. */
export interface Linked {
  readonly path: string;
  readonly channel: string;
  readonly atMs: number;
  /** Path of the message that this one is the reply to, or null. */
  readonly replyTo: string | null;
  readonly re: readonly string[];
}

/**
 * A conversation: its first message and everything that hangs on it, oldest first, the root
 * leading.
 */
export interface Thread<E> {
  readonly root: E;
  readonly members: readonly E[];
  readonly lastMs: number;
}

export interface Threads<E> {
  /** Path of any message → its thread. */
  readonly of: ReadonlyMap<string, Thread<E>>;
  /** Channel of the root → its threads, the one that was spoken in last first. */
  readonly byChannel: ReadonlyMap<string, readonly Thread<E>[]>;
}

/** The message that `entry` hangs on: what it replies to, else the first of `re:` that exists. */
export function parentOf<E extends Linked>(entries: ReadonlyMap<string, E>, entry: E): E | null {
  const named = [...(entry.replyTo === null ? [] : [entry.replyTo]), ...entry.re];
  for (const path of named) {
    const found = path === entry.path ? undefined : entries.get(path);
    if (found !== undefined) return found;
  }
  return null;
}

/**
 * All threads. A circle of `re:` made by hand is a thread whose root is the first path of the
 * circle.
 */
export function foldThreads<E extends Linked>(entries: ReadonlyMap<string, E>): Threads<E> {
  const roots = new Map<string, E>();
  for (const entry of entries.values()) findRoot(entries, roots, entry);
  const members = new Map<string, E[]>();
  for (const entry of entries.values()) {
    const root = roots.get(entry.path) ?? entry;
    const list = members.get(root.path);
    if (list === undefined) members.set(root.path, [entry]);
    else list.push(entry);
  }
  const of = new Map<string, Thread<E>>();
  const byChannel = new Map<string, Thread<E>[]>();
  for (const [path, list] of members) {
    const root = entries.get(path);
    if (root === undefined) continue;
    const thread = {
      root,
      members: inOrder(entries, root, list),
      lastMs: list.reduce((last, { atMs }) => Math.max(last, atMs), 0),
    };
    for (const { path: member } of list) of.set(member, thread);
    byChannel.set(root.channel, [...(byChannel.get(root.channel) ?? []), thread]);
  }
  for (const list of byChannel.values())
    list.sort((a, b) => b.lastMs - a.lastMs || byCodeUnit(a.root.path, b.root.path));
  return { of, byChannel };
}

function findRoot<E extends Linked>(
  entries: ReadonlyMap<string, E>,
  roots: Map<string, E>,
  from: E,
): void {
  const way: E[] = [];
  const seen = new Set<string>();
  let at: E = from;
  let root: E | null = null;
  while (root === null) {
    const known = roots.get(at.path);
    if (known !== undefined) root = known;
    else if (seen.has(at.path))
      root = way
        .slice(way.findIndex(({ path }) => path === at.path))
        .reduce((a, b) => (byCodeUnit(a.path, b.path) < 0 ? a : b));
    else {
      seen.add(at.path);
      way.push(at);
      const parent = parentOf(entries, at);
      if (parent === null) root = at;
      else at = parent;
    }
  }
  for (const { path } of way) roots.set(path, root);
}

/** By time; a message never stands before what it hangs on, whatever its host's clock says. */
function inOrder<E extends Linked>(
  entries: ReadonlyMap<string, E>,
  root: E,
  list: readonly E[],
): readonly E[] {
  const key = (entry: E): number => Math.max(entry.atMs, parentOf(entries, entry)?.atMs ?? 0);
  const rest = list
    .filter((entry) => entry !== root)
    .sort((a, b) => key(a) - key(b) || byCodeUnit(a.path, b.path));
  return [root, ...rest];
}
