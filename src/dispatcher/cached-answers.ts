/**
 * Answers of earlier runs by content key, for steps with `cache: global`. The index is built when a
 * plan first asks and then follows the branch; without such a plan it costs nothing.
 */
import type { Oid } from '../base/ids.ts';
import { byCodeUnit } from '../base/order.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { decodeMessage } from '../protocol/message.ts';
import { CHANNELS, parseMessagePath, parseTaskPath } from '../protocol/paths.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { Repository } from '../transport/repository.ts';
import { nextTransition } from '../workflow/run/engine.ts';
import type { Reusable, RunInput, Transition } from '../workflow/run/run-input.ts';
import { hear, isHost, peopleWho, requires, type Trust } from '../protocol/trust.ts';
import type { FoldMemo } from '../workflow/run/fold.ts';

/** Tasks and replies of every run as of one commit. */
export interface AnswerCache {
  tip: Oid | null;
  /** Path of a task → its content key. */
  readonly keys: Map<string, string>;
  /** Content key → paths of tasks. */
  readonly tasks: Map<string, Set<string>>;
  /** Path of a task → path of its reply. */
  readonly replies: Map<string, string>;
}

/** A cache that knows nothing yet. */
export function createAnswerCache(): AnswerCache {
  return { tip: null, keys: new Map(), tasks: new Map(), replies: new Map() };
}

interface CacheView {
  readonly repository: Repository;
  readonly tip: Oid | null;
  readonly cache: AnswerCache;
  /** What must be signed; null: nothing. */
  readonly trust: Trust | null;
}

const CHUNK = 512;

/** What the engine says, with the answers of other runs that it asked for in the asking. */
export async function nextWithCache(
  view: CacheView,
  input: RunInput,
  memo: FoldMemo,
): Promise<Transition | null> {
  const found = new Map<string, Reusable | null>();
  for (;;) {
    const wanted = new Set<string>();
    const cached = (key: string): Reusable | null => {
      if (!found.has(key)) wanted.add(key);
      return found.get(key) ?? null;
    };
    const next = nextTransition({ ...input, lookUp: { ...input.lookUp, cached } }, memo);
    if (wanted.size === 0 || view.tip === null) return next;
    await follow(view.repository, view.cache, view.tip);
    for (const key of wanted) found.set(key, await findAnswer(view, view.tip, key));
  }
}

/** Brings the index to a commit: everything at first, then what changed. */
async function follow(repository: Repository, cache: AnswerCache, tip: Oid): Promise<void> {
  if (cache.tip === tip) return;
  const changes = await repository.diff({ from: cache.tip, to: tip, under: CHANNELS });
  const tasks: { readonly path: string; readonly blob: Oid }[] = [];
  for (const change of changes) {
    const file = parseMessagePath(change.path);
    const task = file?.replyTo?.path ?? change.path;
    if (file === null || change.kind === 'refused' || parseTaskPath(task) === null) continue;
    if (change.kind === 'removed') forget(cache, task, file.replyTo !== null);
    else if (file.replyTo !== null) cache.replies.set(task, change.path);
    else tasks.push({ path: task, blob: change.blob });
  }
  for (let at = 0; at < tasks.length; at += CHUNK) {
    const chunk = tasks.slice(at, at + CHUNK);
    const blobs = await repository.readBlobs(
      chunk.map(({ blob }) => blob),
      MESSAGE_BYTES_MAX,
    );
    chunk.forEach(({ path }, index) => {
      const blob = blobs[index];
      const key = blob?.kind === 'bytes' ? contentKeyOf(blob.bytes) : null;
      if (key !== null) remember(cache, path, key);
    });
  }
  cache.tip = tip;
}

function remember(cache: AnswerCache, task: string, key: string): void {
  cache.keys.set(task, key);
  const same = cache.tasks.get(key) ?? new Set<string>();
  cache.tasks.set(key, same.add(task));
}

function forget(cache: AnswerCache, task: string, isReply: boolean): void {
  if (isReply) {
    cache.replies.delete(task);
    return;
  }
  cache.tasks.get(cache.keys.get(task) ?? '')?.delete(task);
  cache.keys.delete(task);
}

function contentKeyOf(bytes: Uint8Array): string | null {
  const read = decodeMessage(bytes);
  return read.kind === 'message'
    ? (/^content_key: ["']?([0-9a-f]{64})["']?$/m.exec(read.message.yaml)?.[1] ?? null)
    : null;
}

/** The first answer by path, so that every host takes the same one. */
async function findAnswer(
  { repository, cache, trust }: CacheView,
  tip: Oid,
  key: string,
): Promise<Reusable | null> {
  const isGenuine = async (path: string): Promise<boolean> => {
    if (trust === null || !requires(trust, 'hosts')) return true;
    const writer = (await repository.findWriters([path], tip)).get(path);
    const voice = hear(writer?.signed ?? null, trust.signers);
    return isHost(voice) || peopleWho(voice, 'approve', trust).length > 0;
  };
  for (const task of [...(cache.tasks.get(key) ?? [])].sort(byCodeUnit)) {
    const path = cache.replies.get(task);
    const text = path === undefined ? null : await readTextAt(repository, tip, path);
    if (path === undefined || text === null) continue;
    const read = decodeMessage(Buffer.from(text));
    if (read.kind !== 'message' || read.message.fields.failed) continue;
    if (await isGenuine(path)) return { path, text };
  }
  return null;
}
