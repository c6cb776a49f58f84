/** The pieces of work in an index of open messages: one per message and recipient. */
import { byCodeUnit } from '../base/order.ts';
import type { Effects } from './models.ts';
import type { OpenIndex, OpenMessage } from './open-work.ts';
import { claimKey, isTaskPath } from './paths.ts';

/** One (message, recipient) that waits. */
export interface Work {
  readonly key: string;
  readonly message: OpenMessage;
  readonly recipient: string;
  /** The only hosts that may do it, or null. */
  readonly hosts: readonly string[] | null;
  /** Path of a message with the same identity that comes first; such a twin is never run. */
  readonly twinOf: string | null;
}

/**
 * Whether an attempt may have changed something: the model's entry decides, and a message can only
 * be stricter.
 */
export function effectsOf(entry: { readonly effects: Effects }, message: OpenMessage): Effects {
  return message.isExternal ? 'external' : entry.effects;
}

/** A run of a workflow asks with it. */
export function isTask({ from, path }: Pick<OpenMessage, 'from' | 'path'>): boolean {
  return from === 'workflow' && isTaskPath(path);
}

/**
 * Every piece of open work, most urgent first: priority, then age, then path. An index never
 * changes, so it is put in order once.
 */
export function listWork(index: OpenIndex): readonly Work[] {
  return openOf(index).works;
}

/** Every piece of open work by its key; of twins the one that counts. */
export function openByKey(index: OpenIndex): ReadonlyMap<string, Work> {
  return openOf(index).byKey;
}

/** Work that was asked again elsewhere. */
export function listSuperseded(index: OpenIndex): readonly Work[] {
  return worksOf(index.superseded);
}

interface Open {
  readonly works: readonly Work[];
  readonly byKey: ReadonlyMap<string, Work>;
}

const openByIndex = new WeakMap<OpenIndex, Open>();

function openOf(index: OpenIndex): Open {
  const known = openByIndex.get(index);
  if (known !== undefined) return known;
  const works = worksOf(index.messages);
  const open = {
    works,
    byKey: new Map(
      works.flatMap((work) => (work.twinOf === null ? [[work.key, work] as const] : [])),
    ),
  };
  openByIndex.set(index, open);
  return open;
}

/**
 * A message that stays open through many advances of the branch is hashed once for each recipient.
 */
const keysByMessage = new WeakMap<OpenMessage, Map<string, string>>();

function keyOf(message: OpenMessage, recipient: string): string {
  const keys = keysByMessage.get(message) ?? new Map<string, string>();
  keysByMessage.set(message, keys);
  const key =
    keys.get(recipient) ??
    claimKey({ channel: message.channel, identity: message.identity, recipient });
  keys.set(recipient, key);
  return key;
}

function worksOf(messages: OpenIndex['messages']): readonly Work[] {
  const first = new Map<string, Work>();
  const works = [...messages.values()].flatMap((message) =>
    message.recipients.map(({ name, hosts }): Work => {
      const work = { key: keyOf(message, name), message, recipient: name, hosts, twinOf: null };
      const before = first.get(work.key);
      if (before === undefined || message.path < before.message.path) first.set(work.key, work);
      return work;
    }),
  );
  const judged =
    first.size === works.length
      ? works
      : works.map((work) => asTwin(work, first.get(work.key) ?? work));
  // Few share a moment, so paths are hardly ever compared.
  return judged.sort(
    (a, b) =>
      b.message.priority - a.message.priority ||
      a.message.timestampMs - b.message.timestampMs ||
      byCodeUnit(a.message.path, b.message.path),
  );
}

function asTwin(work: Work, first: Work): Work {
  return work === first ? work : { ...work, twinOf: first.message.path };
}
