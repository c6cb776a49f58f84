/**
 * From what a person types to one message: its id, the beginning of it, its path, or its path below
 * the channel.
 */
import { decodeTime } from 'ulid';
import type { Oid } from '../../base/ids.ts';
import { isChannel, isName } from '../../protocol/names.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { byCodeUnit } from '../../base/order.ts';
import {
  channelFolder,
  CHANNELS,
  messageId,
  newMessagePath,
  parseMessagePath,
  replyPath,
  runFiles,
  ulidOf,
} from '../../protocol/paths.ts';
import { findTwins } from '../../protocol/twins.ts';
import { ULID_CHARS_SHOWN } from './short-id.ts';
import { archiveOf } from './read-archive.ts';
import { listAll, lookUpFiles, type ListedFile } from './read-conversation.ts';
import { tipOf } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { type Fix, fixBy, orElse, withNote } from '../../base/fix.ts';

const CANDIDATES_SHOWN = 10;
const ULID_CHARS = 26;

/**
 * The one message or reply that `text` names. Throws NOT_FOUND, or ID_AMBIGUOUS listing what it
 * could be. `ofRun`: the command of `crosstalkd workflow` that does the same to a run.
 */
export async function resolveId(
  session: TransportSession,
  text: string,
  ofRun: 'show' | 'retry' | 'cancel' | 'approve' = 'show',
): Promise<ListedFile> {
  const standing = (await findPath(session, text)) ?? (await findDated(session, text));
  if (standing !== null) return standing;
  const found = matchId(await listAll(session), text);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (found.length > 1) throw ambiguous(text, found);
  const other = await whatElse(session, text, ofRun);
  const says =
    other === null
      ? `no message "${text}" in ${session.located.url}`
      : `"${text}" is ${other.what}, not a message`;
  throw new CrosstalkError('NOT_FOUND', says, {
    fix: other?.fix ?? orElse(fixBy`crosstalkd log`, fixBy`crosstalkd status`),
  });
}

/** What a name stands for that names no message, and what shows it; null = nothing known. */
async function whatElse(
  session: TransportSession,
  text: string,
  ofRun: string,
): Promise<{ readonly what: string; readonly fix: Fix } | null> {
  const { tip, models } = session.mirror.index();
  if (models.includes(text)) return { what: 'a model', fix: fixBy`crosstalkd why ${text}` };
  if (tip === null || !isChannel(text)) return null;
  const paths = [runFiles(text).header, channelFolder(text)];
  const [run, folder] = await session.repository.lookUp(tip, paths);
  if (run != null)
    return { what: 'a workflow run', fix: fixBy`crosstalkd workflow ${ofRun} ${text}` };
  return folder == null ? null : { what: 'a channel', fix: fixBy`crosstalkd log ${text}` };
}

/**
 * What an id fits, by the first rule that fits anything: the whole id, the stem of the file, the
 * beginning of either. Of copies the one that counts.
 */
export function matchId(files: readonly ListedFile[], text: string): readonly ListedFile[] {
  const at = text.lastIndexOf('.re.');
  const recipient = text.slice(at + 4).replace(/\.md$/, '');
  if (at > 0 && isName(recipient)) {
    const base = text.slice(0, at);
    const originals = new Set(matchId(files, base).map(({ path }) => replyPath(path, recipient)));
    return files.filter(({ path }) => originals.has(path));
  }
  const wanted = text.replace(/\.md$/, '');
  const upper = wanted.toUpperCase();
  const messages = files.filter(({ replyTo }) => replyTo === null);
  const rules: readonly ((file: ListedFile) => boolean)[] = [
    (file) => ulidOf(file.stem) === upper,
    (file) => belowChannel(file) === wanted || `${file.channel}/${belowChannel(file)}` === wanted,
    (file) => file.stem === wanted,
    (file) =>
      ulidOf(file.stem)?.startsWith(upper) === true ||
      (wanted.includes('/') && `${file.channel}/${belowChannel(file)}`.startsWith(wanted)) ||
      belowChannel(file).startsWith(wanted) ||
      file.stem.startsWith(wanted),
  ];
  for (const rule of rules) {
    const found = messages.filter(rule);
    if (found.length > 0) return withoutCopies(files, found);
  }
  return [];
}

function withoutCopies(
  files: readonly ListedFile[],
  found: readonly ListedFile[],
): readonly ListedFile[] {
  if (found.length < 2) return found;
  const paths = new Set(found.map(({ path }) => path));
  const around = files.filter(({ path, replyTo }) => paths.has(replyTo?.path ?? path));
  const copies = findTwins(around.map(({ path }) => path));
  return found.filter(({ path }) => !copies.has(path));
}

/**
 * Short names for messages that are shown together: as much of each id as tells it from the others,
 * and no less than `shortId` shows.
 */
export function shortIds(paths: readonly string[]): ReadonlyMap<string, string> {
  const full = new Map(paths.map((path) => [path, splitId(path)]));
  const bases = [...new Set([...full.values()].map(({ base }) => base))].sort(byCodeUnit);
  const lengths = new Map<string, number>();
  bases.forEach((base, at) => {
    const shared = Math.max(
      sharedPrefix(base, bases[at - 1] ?? ''),
      sharedPrefix(base, bases[at + 1] ?? ''),
    );
    lengths.set(base, Math.max(ULID_CHARS_SHOWN, shared + 1));
  });
  return new Map(
    [...full].map(([path, { base, suffix, isUlid }]) => [
      path,
      (isUlid ? base.slice(0, lengths.get(base)) : base) + suffix,
    ]),
  );
}

function splitId(path: string): {
  readonly base: string;
  readonly suffix: string;
  readonly isUlid: boolean;
} {
  const parsed = parseMessagePath(path);
  const original = parsed?.replyTo?.path ?? path;
  return {
    base: messageId(original),
    suffix: parsed?.replyTo == null ? '' : `.re.${parsed.replyTo.recipient}`,
    isUlid: parsed !== null && ulidOf(parsed.stem) !== null,
  };
}

function sharedPrefix(a: string, b: string): number {
  let at = 0;
  while (at < a.length && at < b.length && a[at] === b[at]) at += 1;
  return at;
}

function belowChannel({ path, channel }: ListedFile): string {
  return path.slice(channelFolder(channel).length + 1, -3);
}

/** A path is looked up, which costs nothing however long the conversation is. */
async function findPath(session: TransportSession, text: string): Promise<ListedFile | null> {
  const trimmed = text.replace(/^\.\//, '');
  const spelled = trimmed.endsWith('.md') ? trimmed : `${trimmed}.md`;
  const at = spelled.indexOf(`${CHANNELS}/`);
  const paths = [at < 0 ? `${CHANNELS}/${spelled}` : spelled.slice(at)].filter(
    (path) => parseMessagePath(path) !== null,
  );
  const [file] = await lookUpFiles(session, paths);
  return file ?? null;
}

/** An id, or so much of it that it tells its whole time, and whose reply to it is meant. */
const DATED = /^([0-7][0-9A-HJKMNP-TV-Z]{9,25})(?:\.re\.(.+?))?(?:\.md)?$/i;

/**
 * The one message whose id begins so and that stands where its id says; null when it is not one:
 * then the whole listing tells. Such a place is looked up, however long the conversation is.
 */
async function findDated(session: TransportSession, text: string): Promise<ListedFile | null> {
  const [, given, recipient] = DATED.exec(text) ?? [];
  if (given === undefined) return null;
  const archive = await archiveOf(session);
  const commits = [tipOf(session), ...(archive === null ? [] : [archive])];
  const listed = await Promise.all(
    commits.map((commit) => listDated(session, commit, given.toUpperCase())),
  );
  const [only, ...others] = new Set(listed.flat());
  if (only === undefined || others.length > 0) return null;
  const [file] = await lookUpFiles(session, [
    recipient === undefined ? only : replyPath(only, recipient),
  ]);
  return file ?? null;
}

async function listDated(
  { repository }: TransportSession,
  commit: Oid,
  id: string,
): Promise<readonly string[]> {
  const atMs = decodeTime(id.padEnd(ULID_CHARS, '0'));
  const places = (await repository.list(commit, CHANNELS))
    .filter(({ name }) => isChannel(name))
    .map(({ name }) => newMessagePath(name, atMs, id).slice(0, -'.md'.length));
  const folders = places.map((place) => place.slice(0, place.lastIndexOf('/')));
  const standing = await repository.lookUp(commit, folders);
  const found = await Promise.all(
    places.map(async (place, at) => {
      const folder = folders[at] ?? '';
      const names = standing[at]?.kind === 'tree' ? await repository.list(commit, folder) : [];
      return names.flatMap(({ name }) =>
        `${folder}/${name}`.startsWith(place) ? `${folder}/${name}` : [],
      );
    }),
  );
  return found.flat().filter((path) => parseMessagePath(path)?.replyTo === null);
}

function ambiguous(text: string, found: readonly ListedFile[]): CrosstalkError {
  const shown = found.slice(0, CANDIDATES_SHOWN).map(({ path }) => `\n  ${path}`);
  const more =
    found.length > CANDIDATES_SHOWN ? `\n  … and ${found.length - CANDIDATES_SHOWN} more` : '';
  return new CrosstalkError(
    'ID_AMBIGUOUS',
    `"${text}" matches ${found.length} messages:${shown.join('')}${more}`,
    {
      fix: withNote(
        fixBy`crosstalkd show ${found[0]?.path ?? ''}`,
        'or the same command with more of the id',
      ),
    },
  );
}
