/** `crosstalkd search <text>`: the messages that say it, found in an index of what was said. */
import { parseOid } from '../../base/ids.ts';
import { oneLine } from '../../base/plain-text.ts';
import type { Message } from '../../protocol/message.ts';
import type { FoundText } from '../../local/text-index.ts';
import { channelOf, parseMessagePath } from '../../protocol/paths.ts';
import { type Invocation, option } from '../command.ts';
import { askIndex } from './conversation-index.ts';
import { createFilter, requireChannel } from './filters.ts';
import { readStates } from './message-state.ts';
import { formatLines, type Shown, toJson } from './print-message.ts';
import { inOrder, type ListedFile, readSaid } from './read-conversation.ts';
import { countOption, printGood, wantsJson, withSession } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

const COUNT_DEFAULT = 50;
const EXCERPT_BEFORE = 30;

/** Prints the newest messages that contain the text, whatever the case of its letters. */
export function searchMessages(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const channel = await requireChannel(session, option(invocation, 'channel'));
    const max = countOption(invocation, 'number', COUNT_DEFAULT);
    const needle = (invocation.args[0] ?? '').toLowerCase();
    const hits = await listSaying(session, channel, needle);
    const { fits, isOpen } = createFilter(invocation, session);
    // The index knows when, but not who.
    const { said } = await readSaid(session, filesOf(isOpen ? newestOf(hits, max) : hits));
    const found = inOrder(said.filter((one) => says(one.message, needle) && fits(one)));
    const count = isOpen ? hits.length : found.length;
    const newest = found.slice(-max);
    const states = await readStates(session, newest);
    const shown = newest.flatMap((said, at): readonly Shown[] => {
      const state = states[at];
      return state === undefined ? [] : [{ said, state, excerpt: excerptOf(said.message, needle) }];
    });
    if (wantsJson(invocation))
      printGood(invocation, {
        found: count,
        messages: shown.map((one) => toJson(one, { withBody: false })),
      });
    else {
      for (const line of formatLines(invocation.io, shown)) invocation.io.print(line);
      if (count === 0)
        invocation.io.warn(`no message contains "${oneLine(invocation.args[0] ?? '', 80)}"`);
      if (count > newest.length)
        invocation.io.warn(`the newest ${newest.length} of ${count}; more with -n ${count}`);
    }
    return count === 0 ? 3 : 0;
  });
}

async function listSaying(
  session: TransportSession,
  channel: string | null,
  needle: string,
): Promise<readonly FoundText[]> {
  const found = await askIndex(session, (index) => index.find(needle));
  return channel === null ? found : found.filter(({ path }) => channelOf(path) === channel);
}

/** Those among which the newest are, in the order that `inOrder` gives. */
function newestOf(hits: readonly FoundText[], max: number): readonly FoundText[] {
  const since =
    Float64Array.from(hits, ({ atMs }) => atMs)
      .sort()
      .at(-max) ?? -Infinity;
  const newest = new Set(hits.flatMap(({ path, atMs }) => (atMs >= since ? [path] : [])));
  // A reply stands behind what it answers, whatever its own time is.
  return hits.filter(({ path }) => newest.has(path) || newest.has(besideOf(path)));
}

function besideOf(reply: string): string {
  return reply.includes('.re.') ? (parseMessagePath(reply)?.replyTo?.path ?? '') : '';
}

function filesOf(hits: readonly FoundText[]): readonly ListedFile[] {
  return hits.flatMap(({ path, blob }) => {
    const [parsed, oid] = [parseMessagePath(path), parseOid(blob)];
    return parsed === null || oid === null ? [] : [{ ...parsed, blob: oid }];
  });
}

function says({ body, fields }: Message, needle: string): boolean {
  return (
    body.toLowerCase().includes(needle) || (fields.subject?.toLowerCase().includes(needle) ?? false)
  );
}

/** The place where it is said, with some words before it. */
function excerptOf({ body, fields }: Message, needle: string): string {
  const line =
    [fields.subject ?? '', ...body.split('\n')].find((candidate) =>
      candidate.toLowerCase().includes(needle),
    ) ?? body;
  const at = line.toLowerCase().indexOf(needle);
  const from = at <= EXCERPT_BEFORE ? 0 : at - EXCERPT_BEFORE;
  return oneLine(`${from > 0 ? '…' : ''}${line.slice(from, from + 400)}`, 300);
}
