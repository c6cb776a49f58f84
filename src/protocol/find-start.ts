/** Finds the piece of work that a start mark belongs to. Pure. */
import type { OpenIndex } from './open-work.ts';
import type { Work } from './list-work.ts';
import type { StartMark } from './started.ts';

interface Marks {
  readonly byKey: ReadonlyMap<string, StartMark>;
  /** Those of no answer whose message stands no more, by what was started and for whom. */
  readonly left: ReadonlyMap<string, StartMark>;
}

const marksByIndex = new WeakMap<OpenIndex, Marks>();

/**
 * The mark of a piece of work: by its key, or by bytes and recipient when the message that was
 * started has been moved before it was answered and has no id in its name. Null: not started as
 * far as the branch says.
 */
export function findStart(index: OpenIndex, work: Work): StartMark | null {
  if (index.started.size === 0) return null;
  const marks = marksByIndex.get(index) ?? sortMarks(index);
  marksByIndex.set(index, marks);
  return (
    marks.byKey.get(work.key) ?? marks.left.get(`${work.recipient} ${work.message.blob}`) ?? null
  );
}

function sortMarks({ started, messages, superseded }: OpenIndex): Marks {
  const byKey = new Map([...started.values()].map((mark) => [mark.key, mark] as const));
  const left = new Map<string, StartMark>();
  for (const mark of byKey.values()) {
    const what = `${mark.recipient} ${mark.by?.blob ?? ''}`;
    const isGone = !messages.has(mark.message) && !superseded.has(mark.message);
    // What says the same as a message that was answered is another one.
    if (isGone && !mark.isAnswered && !left.has(what)) left.set(what, mark);
  }
  return { byKey, left };
}
