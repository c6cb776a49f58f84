/** Finds the piece of work that a start mark belongs to. Pure. */
import { foldName, messageId, parseMessagePath, ulidOf } from './paths.ts';
import type { OpenIndex } from './open-work.ts';
import type { Work } from './list-work.ts';
import type { StartMark } from './started.ts';

interface Marks {
  readonly byKey: ReadonlyMap<string, StartMark>;
  /**
   * Those of messages without an id that stand no more, by whom was started and what: its bytes,
   * and, while it has no answer, the name of its file, which a move mostly keeps.
   */
  readonly left: ReadonlyMap<string, StartMark>;
}

const marksByIndex = new WeakMap<OpenIndex, Marks>();

/**
 * The mark of a piece of work: by its key, or, when the message that was started has been moved
 * and has no id in its name, by recipient and its bytes, or its file name as long as it has no
 * answer. Null: not started as far as the branch says.
 */
export function findStart(index: OpenIndex, work: Work): StartMark | null {
  if (index.started.size === 0) return null;
  const marks = marksByIndex.get(index) ?? sortMarks(index);
  marksByIndex.set(index, marks);
  return (
    marks.byKey.get(work.key) ??
    marks.left.get(`${work.recipient} ${work.message.blob}`) ??
    marks.left.get(`${work.recipient} ${fileName(work.message.path)}`) ??
    null
  );
}

function sortMarks({ started, messages, superseded }: OpenIndex): Marks {
  const byKey = new Map([...started.values()].map((mark) => [mark.key, mark] as const));
  const left = new Map<string, StartMark>();
  for (const mark of byKey.values()) {
    if (messages.has(mark.message) || superseded.has(mark.message)) continue;
    const name = fileName(mark.message);
    if (name === null) continue;
    for (const what of [mark.by?.blob ?? '', ...(mark.isAnswered ? [] : [name])])
      if (!left.has(`${mark.recipient} ${what}`)) left.set(`${mark.recipient} ${what}`, mark);
  }
  return { byKey, left };
}

/** Null: it has an id, or is of a run, where every run has files of the same names. */
function fileName(path: string): string | null {
  const file = parseMessagePath(path);
  if (file === null || ulidOf(file.stem) !== null) return null;
  return messageId(path).startsWith(`${file.channel}/`) ? null : foldName(file.stem);
}
