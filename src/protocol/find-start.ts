/** Which piece of work a mark of a started agent stands for. Pure. */
import type { OpenIndex, Work } from './open-work.ts';
import type { StartMark } from './started.ts';

const marksByIndex = new WeakMap<OpenIndex, ReadonlyMap<string, StartMark>>();

/**
 * The mark of a piece of work: by its key, or by bytes and recipient when the message that was
 * started has been moved and has no id in its name. Null: not started as far as the branch says.
 */
export function findStart(index: OpenIndex, work: Work): StartMark | null {
  if (index.started.size === 0) return null;
  const byKey =
    marksByIndex.get(index) ??
    new Map([...index.started.values()].map((mark) => [mark.key, mark] as const));
  marksByIndex.set(index, byKey);
  const own = byKey.get(work.key);
  if (own !== undefined) return own;
  for (const mark of byKey.values())
    if (
      mark.recipient === work.recipient &&
      mark.by?.blob === work.message.blob &&
      !index.messages.has(mark.message) &&
      !index.superseded.has(mark.message)
    )
      return mark;
  return null;
}
