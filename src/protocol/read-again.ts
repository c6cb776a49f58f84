/**
 * When the changes of a step do not tell what is open now, because what was dropped before may
 * count again: then the whole tree is read once more. Pure.
 */
import { type ChangeBatch, idOf, idOfMessage } from './fold-changes.ts';
import { EMPTY_INDEX, type OpenIndex } from './open-work.ts';
import { channelOf, parseMessagePath } from './paths.ts';
import { isSameCalled } from './people.ts';

/**
 * Mail that the index has dropped may ask a model that is new, mail that it kept may ask a person
 * who was a model, and replies wake models only: where that may be, everything is read again. When
 * addresses are other people's, so are messages without `from:`.
 */
export function usableBase(
  index: OpenIndex,
  { models, called }: Pick<OpenIndex, 'models' | 'called'>,
): OpenIndex {
  const [before, now] = [new Set(index.models), new Set(models)];
  const changed = [
    ...models.filter((name) => !before.has(name)),
    ...index.models.filter((name) => !now.has(name)),
  ];
  // Who wrote to all when there were no models asks those of today.
  if (changed.length > 0 && index.decisive.has('all')) return EMPTY_INDEX;
  const isTold = changed.some((name) => index.decisive.has(name) || index.people.has(name));
  return !isTold && isSameCalled(index.called, called) ? index : EMPTY_INDEX;
}

/**
 * A message that others hang on is gone: one that closed its copy, or its reply, which had made it
 * count; the one it asks again or the one it answers; or one whose reply wakes a model. What counts
 * now only a look at the whole tree tells. Rare.
 */
export function movesOthers(index: OpenIndex, batch: ChangeBatch): boolean {
  if (batch.withdrawn || (batch.archived.length > 0 && judgesAnew(index, batch))) return true;
  // An answer beside a copy makes that one the message.
  if (batch.replies.some(({ path }) => index.rejected.get(path)?.twinOf !== undefined)) return true;
  if (asksAgainNoMore(index, batch)) return true;
  if (takesPlaces(index, batch)) return true;
  if (batch.removed.length === 0) return false;
  const gone = new Set(batch.removed);
  const reopened = new Set(batch.reopened);
  return (
    batch.removed.some((path) => index.retried.has(path)) ||
    [...index.rejected.values()].some(
      ({ twinOf }) => twinOf !== undefined && (gone.has(twinOf) || reopened.has(twinOf)),
    ) ||
    [...index.messages.keys(), ...index.superseded.keys()].some((path) =>
      gone.has(parseMessagePath(path)?.replyTo?.path ?? ''),
    )
  );
}

/** A message that asked again for another one was edited, and does so no more. */
function asksAgainNoMore({ retried }: OpenIndex, batch: ChangeBatch): boolean {
  if (retried.size === 0) return false;
  const now = new Map(batch.retried.map(({ by, path }) => [by, path] as const));
  const read = [...batch.messages, ...batch.rejected].map(({ path }) => path);
  return [...read, ...batch.answered, ...batch.silent].some(
    (path) => retried.has(path) && retried.get(path) !== now.get(path),
  );
}

/** A file that is not a message takes the place of an open message with its id. */
function takesPlaces({ messages }: OpenIndex, { rejected }: ChangeBatch): boolean {
  const byId = new Map(
    rejected.flatMap(({ path, twinOf }) => {
      const id = twinOf === undefined ? idOf(path) : null;
      return id === null ? [] : [[id, path] as const];
    }),
  );
  return (
    byId.size > 0 &&
    [...messages.values()].some((message) => {
      const other = byId.get(idOfMessage(message));
      return other !== undefined && other !== message.path;
    })
  );
}

/**
 * A channel was archived or brought back while something of it is in the index: by hand, because
 * the command leaves nothing open behind.
 */
function judgesAnew(
  { messages, superseded, rejected, retried, older }: OpenIndex,
  { archived }: ChangeBatch,
): boolean {
  const channels = new Set(archived);
  return [messages, superseded, rejected, retried, older].some((files) =>
    [...files.keys()].some((path) => channels.has(channelOf(path) ?? '')),
  );
}
