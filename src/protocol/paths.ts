/** The only place that spells `data/…` and `refs/…`. PROTOCOL.md "The tree". */
import { createHash } from 'node:crypto';
import { decodeTime } from 'ulid';
import { hasUnsafe } from '../base/plain-text.ts';
import { isChannel, isName } from './names.ts';
import {
  completePath,
  decisionPath,
  gateOfAsk,
  headerPath,
  isBelowRun,
  isBelowTasks,
  stepOfTask,
} from './run-paths.ts';

export const VERSION_FILE = 'CROSSTALK-VERSION';
export const PROTOCOL_VERSION = 7;
export const DATA = 'data';
export const MODELS_FILE = 'data/models.yaml';
export const BUDGETS_FILE = 'data/budgets.yaml';
export const PEOPLE_FILE = 'data/people.yaml';
export const TRANSPORT_FILE = 'data/transport.yaml';
export const CHANNELS = 'data/channels';
const BELOW = `${CHANNELS}/`;
export const WORKFLOWS = 'data/workflows';
export const ACKS = 'data/acks';
export const SCHEMAS = 'data/schemas';
/** Where dispatchers before 8 registered; nothing there means anything any more. */
export const DISPATCHERS = 'data/dispatchers';
/** Where `as: <name>` looks for `<name>.md`, one folder after the other. */
export const PERSONA_FOLDERS = ['data/personas', 'local/actors'];
/** The file that describes a channel; it is never a message. */
export const CHANNEL_FILE = 'CHANNEL.md';

/** Stands alone in the folder of a channel whose files are in the archive. */
export const ARCHIVED_FILE = 'ARCHIVED';

/**
 * What the folder of a message's or reply's own files ends with. Nothing below such a folder is a
 * message, whatever it is called.
 */
const ATTACHMENTS_SUFFIX = '.files';

const PATH_BYTES_MAX = 1_024;
const STARTED_INFIX = '.started.';
/** The id of a message, or of a reply to it, where a path may stand. */
const ID = /^([0-7][0-9A-HJKMNP-TV-Z]{25})((?:\.re\..+?)?)(?:\.md)?$/i;
const ULID = /(?:^|[^0-9A-Za-z])([0-7][0-9A-HJKMNP-TV-Z]{25})$/i;

/** A file below a channel that is, by its name, a message or a reply to one. */
export interface MessagePath {
  readonly path: string;
  readonly channel: string;
  /** File name without `.md` and, for replies, without `.re.<recipient>`. */
  readonly stem: string;
  /** For a reply: path of the message it answers and the recipient that answers. */
  readonly replyTo: { readonly path: string; readonly recipient: string } | null;
}

/** The folder of a channel, without trailing slash. */
export function channelFolder(channel: string): string {
  return `${CHANNELS}/${channel}`;
}

/** What every path in a channel begins with: its folder and a slash. */
export function channelRoot(channel: string): string {
  return `${channelFolder(channel)}/`;
}

/**
 * The two files that say where a run is: the one that it begins with, and the one that it ends
 * with.
 */
export function runFiles(channel: string): { readonly header: string; readonly complete: string } {
  const root = channelRoot(channel);
  return { header: headerPath(root), complete: completePath(root) };
}

/** The channel whose run such a file belongs to, or null for any other path. */
export function runOfMark(path: string): string | null {
  const isMark = path.endsWith(headerPath('/')) || path.endsWith(completePath('/'));
  const channel = isMark ? channelOf(path) : null;
  if (channel === null) return null;
  const { header, complete } = runFiles(channel);
  return path === header || path === complete ? channel : null;
}

/** The file of a saved workflow. */
export function workflowFile(name: string): string {
  return `${WORKFLOWS}/${name}.md`;
}

/** The file by which a channel is known to be in the archive. */
export function archivedPath(channel: string): string {
  return `${channelFolder(channel)}/${ARCHIVED_FILE}`;
}

/**
 * The channel that a path marks as archived, also as a folder of that name, or null for any other
 * path.
 */
export function archivedChannel(path: string): string | null {
  const channel = path.includes(`/${ARCHIVED_FILE}`) ? channelOf(path) : null;
  if (channel === null) return null;
  const mark = archivedPath(channel);
  return path === mark || path.startsWith(`${mark}/`) ? channel : null;
}

/**
 * The folders on the way to a path that stand where a message, a reply or the mark of an archived
 * channel would: nothing can be written there.
 */
export function foldersAsFiles(path: string): readonly string[] {
  if (!path.includes('.md/') && !path.includes(`/${ARCHIVED_FILE}/`)) return [];
  const parts = path.split('/');
  return parts.flatMap((part, index) =>
    index < parts.length - 1 && (part.endsWith('.md') || part === ARCHIVED_FILE)
      ? [parts.slice(0, index + 1).join('/')]
      : [],
  );
}

/**
 * The branch that holds the files of archived channels, beside the branch of the conversation: it
 * works where only branches are taken.
 */
export function archiveRef(branchRef: string): string {
  return `${branchRef}-archive`;
}

/** The channel a path lies in, or null when it lies in none. */
export function channelOf(path: string): string | null {
  const end = path.startsWith(BELOW) ? path.indexOf('/', BELOW.length) : -1;
  const channel = path.slice(BELOW.length, Math.max(end, BELOW.length));
  return end < path.length - 1 && isChannel(channel) ? channel : null;
}

/** Nearly every path: plain names, none of which begins with a dot. */
const PLAIN_PATH = /^[\w-][\w.-]*(?:\/[\w-][\w.-]*)*$/;

/**
 * Why a path cannot be that of a message, or null: control codes, odd bytes and endless names never
 * reach a terminal or a file system.
 */
export function pathProblem(path: string): string | null {
  if (PLAIN_PATH.test(path) && path.length <= PATH_BYTES_MAX) return null;
  if (hasUnsafe(path) || /[\ufffd\\]/.test(path))
    return 'the name has control codes or bytes that are not UTF-8';
  if (/(?:^|\/)(?:|\.|\.\.|\.git)(?:\/|$)/i.test(path))
    return 'the path has an empty, "..", or ".git" part';
  return path.length > PATH_BYTES_MAX / 3 && Buffer.byteLength(path) > PATH_BYTES_MAX
    ? `the path is longer than ${String(PATH_BYTES_MAX)} bytes`
    : null;
}

/**
 * Names of files that explain a folder to people: CHANNEL.md, README.md, index.md, and whatever
 * begins with an underscore. They are never messages.
 */
export function isPage(name: string): boolean {
  return name === CHANNEL_FILE || name.startsWith('_') || /^(?:readme|index)\.md$/i.test(name);
}

/**
 * Whether its name or that of a folder begins with a dot: what editors and file managers keep there
 * is theirs (`._a.md`, `.trash/`), and a person does not see it.
 */
export function isHidden(path: string): boolean {
  return path.includes('/.');
}

/**
 * What a path below `data/channels` is by its name; null for everything that is not a message
 * (pages, hidden files, other endings, other folders).
 */
export function parseMessagePath(path: string): MessagePath | null {
  const channel = channelOf(path);
  if (channel === null || !path.endsWith('.md') || isAttachment(path) || pathProblem(path) !== null)
    return null;
  if (isHidden(path)) return null;
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (isPage(name)) return null;
  const at = name.lastIndexOf('.re.');
  const recipient = name.slice(at + 4, -3);
  if (at <= 0 || !isName(recipient))
    return { path, channel, stem: name.slice(0, -3), replyTo: null };
  const stem = name.slice(0, at);
  return {
    path,
    channel,
    stem,
    replyTo: { path: `${path.slice(0, slash)}/${stem}.md`, recipient },
  };
}

/**
 * The run and the gate that a question stands for, `…/<run>/gates/<gate>/ask.md`, and where its
 * decision will stand; null for every other path.
 */
export function parseGatePath(
  path: string,
): { readonly run: string; readonly gate: string; readonly decision: string } | null {
  const run = channelOf(path);
  const gate = run === null ? null : gateOfAsk(path.slice(channelRoot(run).length));
  if (run === null || gate === null) return null;
  return { run, gate, decision: decisionPath(path.slice(0, path.lastIndexOf('/') + 1)) };
}

/**
 * The run and the step, with its key, that a task is asked for: `…/<run>/steps/<step>/…/task.2.md`;
 * null for every other path, also that of a reply.
 */
export function parseTaskPath(
  path: string,
): { readonly run: string; readonly step: string } | null {
  const run = channelOf(path);
  const step = run === null ? null : stepOfTask(path.slice(channelRoot(run).length));
  return run === null || step === null ? null : { run, step };
}

/**
 * The message that a `re:` in the message at `at` names: a path in the transport, one below the
 * folder of the channel, where `.md` may be left out, or the id of a message of the channel, which
 * says where that stands.
 */
export function resolveRe(re: string, at: string): string {
  const channel = channelOf(at);
  if (channel === null || re.startsWith(`${DATA}/`)) return re;
  const [, id, reply = ''] = ID.exec(re) ?? [];
  if (id !== undefined) {
    const ulid = id.toUpperCase();
    return `${newMessagePath(channel, decodeTime(ulid), ulid).slice(0, -3)}${reply}.md`;
  }
  return `${channelRoot(channel)}${re}${re.endsWith('.md') ? '' : '.md'}`;
}

/** True below the folders in which a run keeps what it does and asks. */
export function isFileOfRun(path: string): boolean {
  return isBelowRun(path.slice(channelRoot(channelOf(path) ?? '').length));
}

/** True for what a run asks an agent with: it stands below `steps/` or `plan/` of its channel. */
export function isTaskPath(path: string): boolean {
  return isBelowTasks(path.slice(channelRoot(channelOf(path) ?? '').length));
}

/** Where the one reply of `recipient` to the message at `path` stands. */
export function replyPath(path: string, recipient: string): string {
  return `${path.slice(0, -3)}.re.${recipient}.md`;
}

/** Where it is marked that `recipient` was started for the message at `path`. */
export function startedPath(path: string, recipient: string): string {
  return `${path.slice(0, -3)}${STARTED_INFIX}${recipient}`;
}

/** The work whose start a path marks by its name, or null for every other path. */
export function parseStartedPath(
  path: string,
): { readonly message: string; readonly recipient: string; readonly key: string } | null {
  if (!path.includes(STARTED_INFIX)) return null;
  const at = path.lastIndexOf(STARTED_INFIX);
  const recipient = path.slice(at + STARTED_INFIX.length);
  if (!isName(recipient)) return null;
  const message = `${path.slice(0, at)}.md`;
  const parsed = parseMessagePath(message);
  if (parsed === null) return null;
  const { channel } = parsed;
  return {
    message,
    recipient,
    key: claimKey({ channel, identity: identityOf(parsed), recipient }),
  };
}

/**
 * The folder of the files that belong to the message or reply at `path`: `q.re.opus.md` →
 * `q.re.opus.files`.
 */
export function attachmentFolder(path: string): string {
  return `${path.slice(0, -3)}${ATTACHMENTS_SUFFIX}`;
}

/** True for what lies in such a folder, at any depth. */
export function isAttachment(path: string): boolean {
  return path.slice(0, path.lastIndexOf('/') + 1).includes(`${ATTACHMENTS_SUFFIX}/`);
}

/** The ULID that a stem ends with (upper case), or null for hand-made names. */
export function ulidOf(stem: string): string | null {
  return ULID.exec(stem)?.[1]?.toUpperCase() ?? null;
}

/** Folders in which every run has files of the same names. */
const OF_EVERY_RUN = /^(?:plan|steps|gates)\//;

/**
 * How people name a message: its ULID, else its path below the channel without `.md`, with the
 * channel before it where every run has such a path.
 */
export function messageId(path: string): string {
  const parsed = parseMessagePath(path);
  if (parsed === null) return path;
  const ulid = ulidOf(parsed.stem);
  const suffix = parsed.replyTo === null ? '' : `.re.${parsed.replyTo.recipient}`;
  if (ulid !== null) return `${ulid}${suffix}`;
  const below = path.slice(channelFolder(parsed.channel).length + 1, -3);
  return OF_EVERY_RUN.test(below) ? `${parsed.channel}/${below}` : below;
}

/**
 * The part of a message's identity that copies and case or normalisation twins share: the ULID if
 * it has one, else its path, folded.
 */
export function identityOf(message: MessagePath): string {
  const ulid = ulidOf(message.stem);
  if (ulid !== null)
    return message.replyTo === null ? ulid : `${ulid}.re.${message.replyTo.recipient}`;
  return foldName(message.path.slice(channelFolder(message.channel).length + 1, -3));
}

/** Names that differ in case or normalisation only, as some file systems take them for one. */
export function foldName(name: string): string {
  return name.normalize('NFC').toLowerCase();
}

/**
 * The path of a new message written at `wallMs`:
 * `data/channels/<channel>/2026/11/21/064020123Z-<ulid>.md`.
 */
export function newMessagePath(channel: string, wallMs: number, ulid: string): string {
  const iso = new Date(wallMs).toISOString();
  const part = (from: number, to: number): string => iso.slice(from, to);
  const day = `${part(0, 4)}/${part(5, 7)}/${part(8, 10)}`;
  const time = `${part(11, 13)}${part(14, 16)}${part(17, 19)}${part(20, 23)}`;
  return `${channelFolder(channel)}/${day}/${time}Z-${ulid}.md`;
}

/**
 * Where claims, beats and control stand on a remote: out of the way, or below refs/heads where
 * nothing else is taken.
 */
export interface RefNames {
  readonly claims: string;
  readonly hosts: string;
  readonly control: string;
  readonly capsules: string;
}

/** What all refs of this program stand below, also in clones; `customRefs`: of such a remote. */
export function refRoot(customRefs: boolean): string {
  return customRefs ? 'refs/crosstalk' : 'refs/heads/crosstalk';
}

/** The names for a remote that takes custom refs, or for one that does not. */
export function refNames(customRefs: boolean): RefNames {
  const root = refRoot(customRefs);
  return {
    claims: `${root}/claims/`,
    hosts: `${root}/hosts/`,
    control: `${root}/control/`,
    capsules: `${root}/capsules/`,
  };
}

/**
 * The same name in the namespace that the transport does not use. Claims stand there while its
 * version file has just changed, until their hosts are done with them.
 */
export function elsewhere(ref: string): string {
  const [custom, heads] = ['refs/crosstalk/', 'refs/heads/crosstalk/'];
  return ref.startsWith(heads)
    ? `${custom}${ref.slice(heads.length)}`
    : `${heads}${ref.slice(custom.length)}`;
}

/**
 * 32 hex that name one piece of work. Domain-separated, so that no choice of names can meet another
 * piece's key.
 */
export function claimKey(work: {
  readonly channel: string;
  readonly identity: string;
  readonly recipient: string;
}): string {
  return createHash('sha256')
    .update(JSON.stringify(['crosstalk-claim', work.channel, work.identity, work.recipient]))
    .digest('hex')
    .slice(0, 32);
}
