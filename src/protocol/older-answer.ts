/**
 * Transports of older programs of protocol 7. There an answer is a message at its own path that
 * names what it answers, and an ended run has `COMPLETE` but no `RUN.json`. PROTOCOL.md "Older
 * transports".
 */
import type { MessageFields } from './message.ts';
import { channelOf, isTaskPath, type MessagePath, runFiles } from './paths.ts';

/** A message that closes others for `recipient`, as a reply at its derived path would. */
export interface OlderAnswer {
  /** Where it stands. */
  readonly by: string;
  readonly recipient: string;
  /** What it answers. */
  readonly paths: readonly string[];
  /** To whom: it closes only what was asked by one of them. */
  readonly to: readonly string[];
}

/**
 * What a message closes in the older form, or null. Only a model (or `workflow`, or
 * `<name>@<host>`, which no person writes) that writes to its asker, in the same channel,
 * has answered so; what an agent sends while it works has hops, and closes nothing.
 */
export function olderAnswer(
  file: MessagePath,
  fields: MessageFields,
  models: ReadonlySet<string>,
): OlderAnswer | null {
  const { from, re, to, hops, type, op, wait } = fields;
  if (
    file.replyTo !== null ||
    from === null ||
    re.length === 0 ||
    hops > 0 ||
    type === 'workflow' ||
    op !== null ||
    wait
  )
    return null;
  if (!isOlderAuthor(fields, models)) return null;
  const paths = re.filter((path) => path !== file.path && channelOf(path) === file.channel);
  return paths.length === 0
    ? null
    : { by: file.path, recipient: from, paths, to: to.map(({ name }) => name) };
}

/** Its author answered for a model or for the engine, not for a person. */
function isOlderAuthor({ from, fromHost }: MessageFields, models: ReadonlySet<string>): boolean {
  return from === 'workflow' || fromHost !== null || models.has(from ?? '');
}

/**
 * An answer `from: <model>@<host>`: the older program has shown it to the asker, and it wakes
 * nobody.
 */
export function isOlderReply(fields: MessageFields, models: ReadonlySet<string>): boolean {
  const { from, fromHost, re } = fields;
  const isEngine = from === 'workflow' || models.has(from ?? '');
  return isEngine && fromHost !== null && re.length > 0;
}

/**
 * A task of an older program's run. The run that carries it on asks again what was not answered, so
 * it is not work on its own, wherever its run stands.
 */
export function isOlderTask({ path }: MessagePath, fields: MessageFields): boolean {
  return fields.from === 'workflow' && fields.workflowPhase !== null && !isTaskPath(path);
}

/**
 * The two files that show whether a run of an older program has ended: the first exists and the
 * second does not.
 */
export function olderEnd(channel: string): readonly [string, string] {
  const { header, complete } = runFiles(channel);
  return [complete, header];
}
