/**
 * `crosstalkd search <text>`: the messages that say it. Bytes are looked through first, so that
 * only what may fit is decoded.
 */
import { oneLine } from '../../base/plain-text.ts';
import type { Message } from '../../protocol/message.ts';
import { type Invocation, option } from '../command.ts';
import { createFilter, requireChannel } from './filters.ts';
import { readStates } from './message-state.ts';
import { formatLines, type Shown, toJson } from './print-message.ts';
import {
  decodeBlob,
  findPaths,
  inOrder,
  listAll,
  type ListedFile,
  lookUpFiles,
  type Said,
  scanBlobs,
  sign,
} from './read-conversation.ts';
import { countOption, printJson, wantsJson, withSession } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

const COUNT_DEFAULT = 50;
const EXCERPT_BEFORE = 30;

/** Prints the newest messages that contain the text, whatever the case of its letters. */
export function searchMessages(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const channel = await requireChannel(session, option(invocation, 'channel'));
    const max = countOption(invocation, 'number', COUNT_DEFAULT);
    const needle = (invocation.args[0] ?? '').toLowerCase();
    const files = (await listSaying(session, channel, needle)) ?? (await listAll(session, channel));
    const found = inOrder(
      (await findText(session, files, needle)).filter(createFilter(invocation, session).fits),
    );
    const newest = found.slice(-max);
    const states = await readStates(session, newest);
    const shown = newest.flatMap((said, at): readonly Shown[] => {
      const state = states[at];
      return state === undefined ? [] : [{ said, state, excerpt: excerptOf(said.message, needle) }];
    });
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: 'good',
        found: found.length,
        messages: shown.map((one) => toJson(one, { withBody: false })),
      });
    else {
      for (const line of formatLines(invocation.io, shown)) invocation.io.print(line);
      if (found.length === 0)
        invocation.io.warn(`nobody said "${oneLine(invocation.args[0] ?? '', 80)}"`);
      if (found.length > newest.length)
        invocation.io.warn(
          `the newest ${newest.length} of ${found.length}; more with -n ${found.length}`,
        );
    }
    return found.length === 0 ? 3 : 0;
  });
}

/**
 * The files that may say it, as git finds them; null when it has to be looked for here: git folds
 * the case of other letters otherwise.
 */
async function listSaying(
  session: TransportSession,
  channel: string | null,
  needle: string,
): Promise<readonly ListedFile[] | null> {
  if (!/^[\x20-\x7e]+$/.test(needle)) return null;
  const paths = await findPaths(session, { text: needle, channel });
  return (await lookUpFiles(session, [...paths])).filter((file) => file !== null);
}

async function findText(
  session: TransportSession,
  files: readonly ListedFile[],
  needle: string,
): Promise<readonly Said[]> {
  const hits: { file: ListedFile; message: Message }[] = [];
  await scanBlobs(session.repository, files, (file, blob) => {
    if (blob.kind !== 'bytes') return;
    // Bytes that are not UTF-8 are read in another encoding later, so they cannot be ruled out
    // here.
    const raw = Buffer.from(blob.bytes.buffer, blob.bytes.byteOffset, blob.bytes.byteLength)
      .toString('utf8')
      .toLowerCase();
    if (!raw.includes(needle) && !raw.includes('\ufffd')) return;
    const decoded = decodeBlob(blob, file.path);
    if (decoded.kind === 'message' && says(decoded.message, needle))
      hits.push({ file, message: decoded.message });
  });
  return sign(session, hits);
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
