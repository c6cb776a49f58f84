/**
 * Conversations as the page gets them: channels, their threads in pages, one thread, and one
 * message found by its id.
 */
import { wholePaths } from '../protocol/attachments.ts';
import { CrosstalkError } from '../base/errors.ts';
import { parseChannelPage } from '../cli/look/channel-names.ts';
import { oneLine } from '../base/plain-text.ts';
import { firstLine } from '../protocol/reply.ts';
import { findRejected } from '../cli/look/why.ts';
import { readStates } from '../cli/look/message-state.ts';
import { toJson } from '../cli/look/print-message.ts';
import { decodeBlob, type Said, scanBlobs } from '../cli/look/read-conversation.ts';
import { matchId } from '../cli/look/resolve-id.ts';
import type { Entry } from './book.ts';
import type { Moment } from './desk.ts';
import { parentOf, type Thread } from './threads.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { fixOf } from '../protocol/remedy.ts';
import { fixBy, fixByHand } from '../base/fix.ts';

/** Threads and messages in one answer. */
const THREADS_PAGE = 40;
const MESSAGES_PAGE = 60;
/** Characters of a body that are sent; the rest is asked for. */
const BODY_CHARS_MAX = 60_000;

/**
 * Every channel with what it is for, how much was said, and when last. Channels of runs are marked.
 */
export async function showChannels({ book, around, session }: Moment) {
  const counts = new Map<string, { messages: number; replies: number; lastMs: number }>();
  for (const { channel, replyTo, atMs } of book.entries.values()) {
    const count = counts.get(channel) ?? { messages: 0, replies: 0, lastMs: 0 };
    if (replyTo === null) count.messages += 1;
    else count.replies += 1;
    count.lastMs = Math.max(count.lastMs, atMs);
    counts.set(channel, count);
  }
  const open = new Map<string, number>();
  for (const path of new Set(around.works.map(({ message }) => message.path))) {
    const channel = book.entries.get(path)?.channel;
    if (channel !== undefined) open.set(channel, (open.get(channel) ?? 0) + 1);
  }
  const names = [...new Set([...counts.keys(), ...book.described.keys()])].sort();
  const blobs = names.flatMap((name) => book.described.get(name) ?? []);
  const read = await session.repository.readBlobs(blobs, 65_536);
  const pages = new Map<string, (typeof read)[number]>(
    blobs.flatMap((oid, at) => (read[at] === undefined ? [] : [[oid, read[at]]])),
  );
  return names.map((name) => {
    const count = counts.get(name);
    const page = pages.get(book.described.get(name) ?? '');
    const { name: title, description } = parseChannelPage(
      name,
      page?.kind === 'bytes' ? page.bytes : null,
    );
    return {
      name,
      title,
      description,
      messages: count?.messages ?? 0,
      replies: count?.replies ?? 0,
      open: open.get(name) ?? 0,
      lastMs: count?.lastMs ?? null,
      isRun: book.runs.has(name),
    };
  });
}

/**
 * The threads of a channel that come after the first `from`, the one that was spoken in last first.
 * Throws NOT_FOUND.
 */
export async function showChannel(moment: Moment, name: string, from: number) {
  const { book } = moment;
  const all = book.threads().byChannel.get(name);
  if (all === undefined && book.archived.has(name))
    throw new CrosstalkError(
      'NOT_FOUND',
      `the channel "${name}" is in the archive: the command line reads it as ever, and can bring it back`,
      { fix: fixBy`crosstalkd archive --undo ${name}` },
    );
  if (all === undefined && !book.described.has(name) && !book.runs.has(name))
    throw new CrosstalkError('NOT_FOUND', `there is no channel "${name}"`, {
      fix: 'crosstalkd channels',
    });
  const page = (all ?? []).slice(from, from + THREADS_PAGE);
  const roots = await readEntries(
    moment,
    page.map(({ root }) => root),
  );
  const states = await readStates(moment.session, roots);
  const byPath = new Map(roots.map((said, at) => [said.file.path, { said, state: states[at] }]));
  const threads = page.flatMap((thread) => {
    const shown = byPath.get(thread.root.path);
    if (shown?.state === undefined) return [];
    return [
      {
        ...toJson({ said: shown.said, state: shown.state }, { withBody: false }),
        preview: previewOf(shown.said),
        ...summaryOf(moment, thread),
      },
    ];
  });
  return {
    name,
    total: all?.length ?? 0,
    from,
    next: from + page.length < (all?.length ?? 0) ? from + page.length : null,
    threads,
  };
}

function summaryOf({ around }: Moment, { root, members, lastMs }: Thread<Entry>) {
  const paths = new Set(members.map(({ path }) => path));
  const works = around.works.filter(({ message }) => paths.has(message.path));
  return {
    lastMs,
    count: members.length,
    people: [...new Set(members.map(({ from }) => from))].slice(0, 6),
    failures: members.filter(({ failed }) => failed).length,
    running: works.filter(({ key }) => around.claims.has(key)).length,
    waiting: works.filter(({ key }) => !around.claims.has(key)).length,
    rootId: root.id,
  };
}

/**
 * A thread around a message: a window of it that holds the message asked for, and always its
 * beginning.
 */
export async function showThread(moment: Moment, asked: string, from: number | null) {
  const { book } = moment;
  const entry = findEntry(moment, asked);
  const thread = book.threads().of.get(entry.path);
  if (thread === undefined) throw new CrosstalkError('INTERNAL', `${entry.path} is in no thread`);
  const { members, root } = thread;
  const at = members.indexOf(entry);
  const start =
    from ??
    Math.max(
      0,
      entry === root
        ? members.length - MESSAGES_PAGE
        : Math.min(at - 10, members.length - MESSAGES_PAGE),
    );
  const window = members.slice(
    start,
    from === null ? start + Math.max(MESSAGES_PAGE, at - start + 1) : undefined,
  );
  const shown = start > 0 ? [root, ...window] : window;
  const said = await readEntries(moment, shown);
  const states = await readStates(moment.session, said);
  const ids = new Map(members.map((member) => [member.path, member]));
  const messages = said.flatMap((one, index) => {
    const state = states[index];
    if (state === undefined) return [];
    const member = ids.get(one.file.path);
    const parent = member === undefined ? null : parentOf(book.entries, member);
    const body = one.message.body.replace(/^\n+/, '').trimEnd();
    const { project, priority, files } = one.message.fields;
    return [
      {
        ...toJson({ said: one, state }, { withBody: false }),
        at_ms: one.atMs,
        body: body.slice(0, BODY_CHARS_MAX),
        cut: body.length > BODY_CHARS_MAX,
        as: one.message.fields.as,
        project,
        priority,
        files: wholePaths(one.file.path, files),
        warnings: one.message.warnings,
        parent: parent === null ? null : { id: parent.id, from: parent.from },
        waits: waitsOf(moment, one.file.path),
        starts_run:
          one.file.replyTo === null &&
          one.message.fields.op === null &&
          one.message.fields.to.some(({ name }) => name === 'workflow'),
        may_retry: one.file.replyTo === null && (state.kind === 'failed' || state.kind === 'stale'),
      },
    ];
  });
  return {
    channel: root.channel,
    root: root.id,
    asked: entry.id,
    path: entry.path,
    total: members.length,
    start,
    end: start + window.length,
    messages,
  };
}

/** Who a message still waits for, and whether somebody works on it. */
function waitsOf({ around }: Moment, path: string) {
  return around.works
    .filter(({ message }) => message.path === path)
    .map(({ recipient, key }) => {
      const claim = around.claims.get(key)?.claim;
      return { name: recipient, host: claim?.alias ?? null, attempt: claim?.attempt ?? null };
    });
}

/**
 * The message that an id, the beginning of one, or a path names. Throws NOT_FOUND and ID_AMBIGUOUS.
 */
export function findEntry({ book, around }: Moment, asked: string): Entry {
  const direct = book.entries.get(asked);
  if (direct !== undefined) return direct;
  const files = [...book.entries.values()].map(({ file }) => file);
  const found = matchId(files, asked);
  const [only] = found;
  const entry = only === undefined ? undefined : book.entries.get(only.path);
  const [rejected] = entry === undefined ? (findRejected(around, asked)?.parts ?? []) : [];
  if (rejected !== undefined)
    throw new CrosstalkError('NOT_FOUND', `"${asked}" ${sayReason(rejected.reason)}`, {
      fix: fixOf(rejected.reason),
    });
  if (entry === undefined)
    throw new CrosstalkError('NOT_FOUND', `there is no message "${asked}"`, {
      fix: 'crosstalkd log',
    });
  if (found.length > 1)
    throw new CrosstalkError('ID_AMBIGUOUS', `"${asked}" matches ${found.length} messages`, {
      fix: fixByHand('give more of the id, or the path'),
    });
  return entry;
}

/** The whole text of one message. */
export async function showBody(moment: Moment, asked: string) {
  const [said] = await readEntries(moment, [findEntry(moment, asked)]);
  return { body: said?.message.body.replace(/^\n+/, '').trimEnd() ?? '' };
}

/** Entries with their texts, in the order given; one that cannot be read any more is left out. */
export async function readEntries(
  { session }: Moment,
  entries: readonly Entry[],
): Promise<readonly Said[]> {
  const byPath = new Map(entries.map((entry) => [entry.path, entry]));
  const said: Said[] = [];
  await scanBlobs(
    session.repository,
    entries.map(({ file }) => file),
    (file, blob) => {
      const entry = byPath.get(file.path);
      const decoded = decodeBlob(blob, file.path);
      if (entry !== undefined && decoded.kind === 'message')
        said.push({
          file,
          from: entry.from,
          to: entry.to,
          atMs: entry.atMs,
          message: decoded.message,
        });
    },
  );
  return said;
}

function previewOf({ message }: Said): string {
  const text =
    message.fields.subject === null
      ? message.body.trim().slice(firstLine(message.body).length)
      : message.body;
  return oneLine(text.slice(0, 600).replace(/[#*`>_~]+/g, ''), 180);
}
