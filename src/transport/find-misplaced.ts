/** Files of channels that begin as a message does and are hidden, or end otherwise. */
import type { Oid } from '../base/ids.ts';
import type { RejectedFile } from '../protocol/open-work.ts';
import { asksSomebody, LOOKED_AT_BYTES, mayBeText } from '../protocol/misplaced.ts';
import { channelOf, isAttachment, isFileOfRun, isHidden, pathProblem } from '../protocol/paths.ts';
import { workOf } from './decode-blob.ts';
import type { Judge } from './judge-messages.ts';
import { nameAsMessage } from './odd-file.ts';
import type { TreeChange } from './repository.ts';

type Written = Extract<TreeChange, { kind: 'written' }>;

/** `texts`: paths of what was looked at; `meant`: those that somebody meant as messages. */
export async function findMisplaced(
  { repository, turn }: Pick<Judge, 'repository' | 'turn'>,
  written: readonly Written[],
): Promise<{ readonly texts: readonly string[]; readonly meant: readonly RejectedFile[] }> {
  const texts = written.filter(isOtherText);
  const oids = [...new Set(texts.map(({ blob }) => blob))];
  const asking = new Set<Oid>();
  let at = 0;
  for await (const some of repository.scanBlobs(oids, LOOKED_AT_BYTES))
    for (const blob of some) {
      const others = turn(workOf(blob));
      if (others !== null) await others;
      const oid = oids[at++];
      if (oid !== undefined && blob.kind === 'bytes' && asksSomebody(blob.bytes)) asking.add(oid);
    }
  return {
    texts: texts.map(({ path }) => path),
    meant: texts.flatMap(({ path, blob }) => (asking.has(blob) ? [nameAsMessage(path)] : [])),
  };
}

function isOtherText({ path, entry }: Written): boolean {
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/^\.+/, '');
  return (
    entry === 'file' &&
    (isHidden(path) || !/\.md$/i.test(name)) &&
    mayBeText(name) &&
    channelOf(path) !== null &&
    !isAttachment(path) &&
    !isFileOfRun(path) &&
    pathProblem(path) === null
  );
}
