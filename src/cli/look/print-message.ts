/**
 * Messages as people read them on a terminal and as programs read them in JSON. Everything passes
 * `plain` or `oneLine`.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import { formatIso, formatLocal } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { messageId } from '../../protocol/paths.ts';
import { oneLine } from '../../base/plain-text.ts';
import { firstLine } from '../../protocol/reply.ts';
import { displayWidth, fitWidth, padWidth } from '../../base/display-width.ts';
import { type Colour, type Io, lineFor, paint, plain } from '../io.ts';
import { formatCost } from '../../protocol/trailers.ts';
import type { MessageState, StateKind } from './message-state.ts';
import type { Said, Unreadable } from './read-conversation.ts';
import { shortIds } from './resolve-id.ts';

const STATE_COLOURS: Readonly<Record<StateKind, Colour>> = {
  answered: 'green',
  failed: 'red',
  cancelled: 'dim',
  'by hand': 'green',
  open: 'yellow',
  running: 'cyan',
  stale: 'red',
  note: 'dim',
  reply: 'dim',
  unsigned: 'red',
  edited: 'yellow',
};

/** With less room than this the text gets its own line. */
const TEXT_MIN = 16;
/** Columns that ids have at least; a longer one stands on a line of its own. */
const ID_MIN = 12;

/** One message with its state, ready to be shown. */
export interface Shown {
  readonly said: Said;
  readonly state: MessageState;
  /** The line shown instead of the first one, such as the one that was searched for. */
  readonly excerpt?: string;
}

/** One line of a list: what it is of, between whom, what it says, and how it stands. */
interface Row {
  readonly atMs: number;
  readonly id: string;
  readonly who: string;
  readonly said: string;
  readonly state: string;
  readonly colour: Colour;
}

/**
 * One line a message (two on a narrow terminal): time, id, who to whom, first line, state. Columns
 * fit each other and the terminal.
 */
export function formatLines(io: Io, shown: readonly Shown[]): readonly string[] {
  const ids = shortIds(shown.map(({ said }) => said.file.path));
  const rows = shown.map((one) => rowOf(io, one, ids.get(one.said.file.path) ?? ''));
  const widest = (key: 'id' | 'who'): number =>
    Math.max(0, ...rows.map((row) => displayWidth(row[key])));
  // On a narrow terminal the text matters most: ids stay whole, because they are what a person
  // types next.
  const who = Math.min(widest('who'), Math.max(8, Math.floor(io.columns / 4)));
  const left = io.columns - displayWidth(formatTime(0, io.columns)) - who - 4;
  // One long id leaves the others where they are.
  const id = Math.min(widest('id'), Math.max(ID_MIN, left - TEXT_MIN));
  return rows.map((row) => {
    const time = paint(io, 'dim', formatTime(row.atMs, io.columns));
    const state = fitWidth(row.state, Math.max(8, Math.floor(io.columns / 2)));
    const tail = state === '' ? '' : `  ${paint(io, row.colour, state)}`;
    const by = paint(io, 'bold', padWidth(row.who, who));
    const told = (head: string): string =>
      `${head}  ${fitWidth(row.said, Math.max(0, io.columns - displayWidth(head) - 2 - displayWidth(tail)))}${tail}`;
    const head = `${time}  ${paint(io, 'cyan', padWidth(row.id, Math.max(id, displayWidth(row.id))))}`;
    if (displayWidth(row.id) > id) return `${head}\n${told(`    ${by}`)}`;
    const room = left - id - 2 - displayWidth(tail);
    return room < TEXT_MIN ? `${head}  ${by}\n${told('   ')}` : told(`${head}  ${by}`);
  });
}

function rowOf(io: Io, one: Shown, id: string): Row {
  const { said, state } = one;
  return {
    atMs: said.atMs,
    id: lineFor(io, id, 80),
    who: lineFor(io, `${whoSaid(said)} → ${said.to.join(', ')}`, 80),
    said: lineFor(io, tell(one), 600),
    state: state.kind === 'reply' ? '' : stateText(state),
    colour: STATE_COLOURS[state.kind],
  };
}

/**
 * The same without failures whose message is among them: its line tells why it has no answer.
 * `keep` chooses those that stay.
 */
export function foldFailures<T extends Shown>(
  shown: readonly T[],
  keep: (one: T) => boolean,
): readonly T[] {
  const paths = new Set(shown.map(({ said }) => said.file.path));
  const folded = new Map<string, string[]>();
  const kept = shown.filter((one) => {
    const { file } = one.said;
    const isTold = one.state.kind === 'failed' || one.state.kind === 'cancelled';
    if (file.replyTo === null || !isTold || !paths.has(file.replyTo.path) || keep(one)) return true;
    const news = folded.get(file.replyTo.path) ?? [];
    if (one.state.kind === 'failed') news.push(`✗ ${whoSaid(one.said)}: ${headline(one.said)}`);
    folded.set(file.replyTo.path, news);
    return false;
  });
  return kept.map((one) => {
    const news = folded.get(one.said.file.path) ?? [];
    return news.length === 0 ? one : withNews(one, news.join(' '));
  });
}

/** A message whose line says what came of it, too. */
export function withNews<T extends Shown>(one: T, news: string): T {
  return { ...one, excerpt: `${tell(one)} ${news}` };
}

/** What a message says in one line of a list; not yet safe to print. */
export function tell({ said, excerpt }: Shown): string {
  return excerpt ?? headline(said);
}

/** What a message is about: its subject, else its first line; not yet safe to print. */
function headline({ message }: Said): string {
  return message.fields.subject ?? firstLine(message.body);
}

/** `opus@mbp` for an answer, the name for everything else. */
export function whoSaid({ from, message: { fields } }: Said): string {
  return fields.host === null ? from : `${from}@${fields.host}`;
}

/** The state in words: `answered`, `failed: timeout`, `open: opus, codex`. */
export function stateText(state: MessageState): string {
  if (state.kind === 'open' || state.kind === 'running')
    return state.replies.length === 0 ? state.kind : `${state.kind}: ${state.open.join(', ')}`;
  const error = state.replies.find(({ message }) => message.fields.failed)?.message.fields.error;
  return state.kind === 'failed' && error != null ? `failed: ${oneLine(error, 40)}` : state.kind;
}

/**
 * `2026-11-21 06:40`, shorter on a narrow terminal. As the clocks on the wall show it; files and
 * `show` say it in UTC.
 */
export function formatTime(atMs: number, columns: number): string {
  const local = formatLocal(atMs);
  return columns < 60 ? local.slice(5, 16) : local.slice(0, 16);
}

/** A message in full: what is known about it, then its text. */
export function formatWhole(io: Io, { said, state }: Shown): readonly string[] {
  const { message, file } = said;
  const { fields } = message;
  const facts: readonly (readonly [string, string | null])[] = [
    ['message', `${messageId(file.path)}   ${file.path}`],
    ['from', `${whoSaid(said)} → ${said.to.join(', ')}`],
    ['at', formatIso(said.atMs)],
    ['subject', fields.subject],
    ['re', fields.re.length === 0 ? null : fields.re.join(', ')],
    ['as', fields.as],
    ['priority', fields.priority === 0 ? null : String(fields.priority)],
    ['hops', fields.hops === 0 || file.replyTo !== null ? null : String(fields.hops)],
    ['state', state.kind === 'reply' ? null : stateText(state)],
    ['error', fields.failed ? fields.error : null],
    ['effort', formatEffort(said)],
  ];
  const head = facts.flatMap(([key, value]) =>
    value === null ? [] : [`${paint(io, 'dim', key.padEnd(8))} ${lineFor(io, value, 600)}`],
  );
  return [
    ...head,
    ...message.warnings.map(
      (warning) => `${paint(io, 'yellow', 'warning ')} ${lineFor(io, warning, 300)}`,
    ),
    '',
    bodyOf(said),
  ];
}

/** A file that is not a message: why, and how to look closer. */
export function formatUnreadable(io: Io, { file, rejection }: Unreadable): string {
  return `${paint(io, 'red', 'rejected')}  ${oneLine(file.path, 300)}:${rejection.line}: found ${oneLine(rejection.found, 200)}; expected ${oneLine(rejection.expected, 200)}`;
}

/** A body for a terminal. */
export function bodyOf({ message }: Said): string {
  return plain(message.body).replace(/^\n+/, '').trimEnd();
}

/** What an answer took: program, attempt, time, tokens, cost. Null for a message of a person. */
export function formatEffort({ message: { fields } }: Said): string | null {
  const parts = [
    fields.agent,
    fields.attempt === null || fields.attempt === 1 ? null : `attempt ${fields.attempt}`,
    fields.continues === null ? null : `continues ${oneLine(fields.continues, 100)}`,
    fields.durationMs === null ? null : formatDuration(fields.durationMs),
    fields.tokensIn === null && fields.tokensOut === null
      ? null
      : `${fields.tokensIn ?? 0} + ${fields.tokensOut ?? 0} tokens`,
    fields.costUsd === null ? null : formatCost(fields.costUsd),
  ].filter((part) => part !== null);
  return parts.length === 0 ? null : parts.join(', ');
}

/** A message for a program: the text is as it was written, JSON keeps it from doing harm. */
export function toJson({ said, state, excerpt }: Shown, options: { readonly withBody: boolean }) {
  const { file, message } = said;
  const { fields } = message;
  return {
    id: messageId(file.path),
    path: file.path,
    channel: file.channel,
    at: formatIso(said.atMs),
    from: said.from,
    to: said.to,
    re: fields.re,
    subject: fields.subject,
    first_line: firstLine(message.body),
    ...(excerpt === undefined ? {} : { excerpt }),
    state: state.kind,
    open: state.open,
    reply_to: file.replyTo?.path ?? null,
    replies: state.replies.map((reply) => reply.file.path),
    ...(file.replyTo === null ? {} : replyFacts(said)),
    ...(options.withBody ? { body: message.body, warnings: message.warnings } : {}),
  };
}

/** What a reply says of the run that made it. */
export function replyFacts({ message: { fields } }: Said) {
  return {
    failed: fields.failed,
    error: fields.error,
    model: fields.model,
    host: fields.host,
    attempt: fields.attempt,
    continues: fields.continues,
    agent: fields.agent,
    duration_ms: fields.durationMs,
    tokens_in: fields.tokensIn,
    tokens_out: fields.tokensOut,
    cost_usd: fields.costUsd,
  };
}

/** A rejected file for a program. */
export function unreadableToJson({
  file,
  rejection,
}: Unreadable): Readonly<Record<string, unknown>> {
  return { path: file.path, ...snakeKeys(rejection) };
}
