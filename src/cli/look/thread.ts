/**
 * `crosstalkd thread <id>`: everything that belongs to a message as a tree: what it answers, its
 * replies, and what was said to those.
 */
import { formatLocal } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { parseMessagePath } from '../../protocol/paths.ts';
import type { Invocation } from '../command.ts';
import { displayWidth, fitWidth } from '../../base/display-width.ts';
import { lineFor, paint } from '../io.ts';
import { type MessageState, readStates } from './message-state.ts';
import { foldFailures, type Shown, stateText, tell, toJson, whoSaid } from './print-message.ts';
import {
  decodeBlob,
  findPaths,
  inOrder,
  listAll,
  type ListedFile,
  listFiles,
  lookUpFiles,
  readSaid,
  type Said,
  scanBlobs,
} from './read-conversation.ts';
import { channelsFrom } from './channel-names.ts';
import { isChannel } from '../../protocol/names.ts';
import { archiveOf } from './read-archive.ts';
import { printJson, tipOf, wantsJson, withSession } from './reading.ts';
import { resolveId, shortIds } from './resolve-id.ts';
import { markerOfRun } from './run-markers.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Deeper than any conversation; a circle of `re:` made by hand ends here. */
const DEPTH_MAX = 200;

/** Prints the whole thread around one message. */
export function showThread(invocation: Invocation): Promise<number> {
  return withSession(invocation, async (session) => {
    const { asked, links, said, unreadable } = await readWholeThread(
      session,
      invocation.args[0] ?? '',
    );
    const states = await readStates(session, said);
    const nodes = plantTree(links, said, states);
    if (wantsJson(invocation))
      printJson(invocation, {
        ok: true,
        health: unreadable.length === 0 ? 'good' : 'degraded',
        asked: asked.path,
        messages: nodes.map(({ said: one, state, depth, parent }) => ({
          ...toJson({ said: one, state }, { withBody: true }),
          depth,
          parent,
        })),
      });
    else for (const line of formatTree(invocation, nodes, asked.path)) invocation.io.print(line);
    return 0;
  });
}

/**
 * Every message around the one that `id` names, oldest first; of a run, with its tasks below what
 * asked for it. Throws NOT_FOUND.
 */
export async function readWholeThread(session: TransportSession, id: string) {
  const { asked, run } = await findAsked(session, id);
  const since = await findSince(session, await readAbove(session, asked));
  const files =
    since === null
      ? await listAll(session)
      : await listFiles(session.repository, { from: since, to: tipOf(session), channel: null });
  const found = await readLinks(session, files, since);
  const links = run === null ? found : withTasks(found, { files, run, marker: asked.path });
  const members = collectThread(links, asked.path);
  const { said, unreadable } = await readSaid(
    session,
    files.filter(({ path }) => members.has(path)),
  );
  return { asked, links, said: inOrder(said), unreadable };
}

/** What `id` names; `run`: it names the run that this message began, or is the beginning of it. */
async function findAsked(
  session: TransportSession,
  id: string,
): Promise<{ readonly asked: ListedFile; readonly run: string | null }> {
  const named = isChannel(id) ? await markerOfRun({ session }, id) : null;
  if (named !== null) return { asked: await resolveId(session, named), run: id };
  try {
    return { asked: await resolveId(session, id), run: null };
  } catch (error) {
    const isUnknown = error instanceof CrosstalkError && error.code === 'NOT_FOUND';
    const [run, ...others] = isUnknown ? await channelsFrom(session, id) : [];
    const marker =
      run === undefined || others.length > 0 ? null : await markerOfRun({ session }, run);
    if (run === undefined || marker === null) throw error;
    return { asked: await resolveId(session, marker), run };
  }
}

/** Who answers whom, of what stands. */
interface Links {
  readonly above: (path: string) => readonly string[];
  readonly below: (path: string) => readonly string[];
}

/** Messages above one that are looked for one after the other. */
const ABOVE_MAX = 256;

/**
 * Paths of a message and of those that it answers, as far up as they stand; null when they are too
 * many to be worth it.
 */
async function readAbove(
  session: TransportSession,
  asked: ListedFile,
): Promise<readonly string[] | null> {
  const above = new Set([asked.path]);
  for (let level: readonly ListedFile[] = [asked]; level.length > 0;) {
    if (above.size > ABOVE_MAX) return null;
    const named: string[] = [];
    await scanBlobs(session.repository, level, (file, blob) => {
      const decoded = decodeBlob(blob, file.path);
      named.push(...(file.replyTo === null ? [] : [file.replyTo.path]));
      if (decoded.kind === 'message') named.push(...decoded.message.fields.re);
    });
    const fresh = [...new Set(named)].filter((path) => !above.has(path));
    level = (await lookUpFiles(session, fresh)).filter((file) => file !== null);
    for (const { path } of level) above.add(path);
  }
  return [...above];
}

/** Commits back that are tried before everything is read. */
const COMMITS_TRIED = [64, 4_096];

/**
 * A commit in which none of them stood yet: what names a message is written after it. Null when
 * they are older than a few thousand commits, or something is in the archive.
 */
async function findSince(
  session: TransportSession,
  above: readonly string[] | null,
): Promise<Oid | null> {
  const { repository } = session;
  if (above === null || (await archiveOf(session)) !== null) return null;
  for (const max of COMMITS_TRIED) {
    const commits = await repository.history({ from: null, to: tipOf(session), max });
    const since = commits.length < max ? undefined : commits[0]?.oid;
    if (since === undefined) return null;
    if ((await repository.lookUp(since, above)).every((entry) => entry === null)) return since;
  }
  return null;
}

/** Stands in the path of every reply. */
const REPLY = '.re.';

/**
 * The links between files, which are in the order of their paths. Heads are decoded only where they
 * can matter: a reply's path tells what it answers.
 */
async function readLinks(
  session: TransportSession,
  files: readonly ListedFile[],
  since: Oid | null,
): Promise<Links> {
  const naming =
    since === null
      ? await findPaths(session, { text: 're:', channel: null, notNamed: REPLY })
      : null;
  const stands = (path: string): boolean => files[placeOf(files, path)]?.path === path;
  let last = '';
  const mayName = files.filter(({ path, replyTo }) => {
    if (replyTo !== null) return replyTo.path !== last && !stands(replyTo.path);
    last = path;
    return naming?.has(path) !== false || path.includes(REPLY);
  });
  const read = since === null ? mayName : await withoutReplies(session, mayName);
  const named = new Map<string, readonly string[]>();
  const namedBy = new Map<string, string[]>();
  await scanBlobs(session.repository, read, (file, blob) => {
    const decoded = blob.kind === 'bytes' ? decodeBlob(blob, file.path) : null;
    if (decoded?.kind !== 'message') return;
    const answered = decoded.message.fields.re.filter((path) => path !== file.path && stands(path));
    named.set(file.path, answered);
    for (const path of answered) {
      const by = namedBy.get(path);
      if (by === undefined) namedBy.set(path, [file.path]);
      else by.push(file.path);
    }
  });
  return {
    above: (path) => {
      const original = parseMessagePath(path)?.replyTo?.path;
      return original !== undefined && stands(original) ? [original] : (named.get(path) ?? []);
    },
    below: (path) => [...repliesTo(files, path), ...(namedBy.get(path) ?? [])],
  };
}

/** The same with what stands in the channel of a run below its marker, where nothing else is. */
function withTasks(
  links: Links,
  of: { readonly files: readonly ListedFile[]; readonly run: string; readonly marker: string },
): Links {
  const { files, run, marker } = of;
  const begun = files.filter(
    ({ channel, path, replyTo }) =>
      channel === run && replyTo === null && links.above(path).length === 0,
  );
  const tasks = new Set(begun.map(({ path }) => path));
  return {
    above: (path) => (tasks.has(path) ? [marker] : links.above(path)),
    below: (path) => [...links.below(path), ...(path === marker ? tasks : [])],
  };
}

/** Some of the files answer what is older than all of them. */
async function withoutReplies(
  session: TransportSession,
  files: readonly ListedFile[],
): Promise<readonly ListedFile[]> {
  const originals = files.flatMap(({ replyTo }) => replyTo?.path ?? []);
  const standing = new Set(
    (await lookUpFiles(session, originals)).flatMap((file) => file?.path ?? []),
  );
  return files.filter(({ replyTo }) => replyTo === null || !standing.has(replyTo.path));
}

function repliesTo(files: readonly ListedFile[], path: string): readonly string[] {
  const beginning = `${path.slice(0, -'.md'.length)}${REPLY}`;
  const replies: string[] = [];
  for (let at = placeOf(files, beginning); ; at += 1) {
    const file = files[at];
    if (file?.path.startsWith(beginning) !== true) return replies;
    if (file.replyTo?.path === path) replies.push(file.path);
  }
}

/** Where the first file stands that is not before `path`. */
function placeOf(files: readonly ListedFile[], path: string): number {
  let [from, to] = [0, files.length];
  while (from < to) {
    const middle = (from + to) >> 1;
    if ((files[middle]?.path ?? '') < path) from = middle + 1;
    else to = middle;
  }
  return from;
}

/** Everything connected with `start`: up to the beginnings, then down from each of them. */
function collectThread(links: Links, start: string): ReadonlySet<string> {
  return spread([...spread([start], links.above)], links.below);
}

function spread(
  from: readonly string[],
  next: (path: string) => readonly string[],
): ReadonlySet<string> {
  const seen = new Set(from);
  for (const path of seen) for (const other of next(path)) seen.add(other);
  return seen;
}

interface Node extends Shown {
  readonly depth: number;
  readonly parent: string | null;
}

/**
 * The tree, parents before children, in time order. A message that answers several hangs below the
 * first of them.
 */
function plantTree(
  links: Links,
  said: readonly Said[],
  states: readonly MessageState[],
): readonly Node[] {
  const present = new Set(said.map(({ file }) => file.path));
  const parentOf = new Map(
    said.map(({ file }) => [
      file.path,
      links.above(file.path).find((path) => present.has(path)) ?? null,
    ]),
  );
  const below = new Map<string | null, number[]>();
  said.forEach(({ file }, at) => {
    const parent = parentOf.get(file.path) ?? null;
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [at]);
    else siblings.push(at);
  });
  const nodes: Node[] = [];
  const placed = new Set<string>();
  const place = (at: number, depth: number): void => {
    const [one, state] = [said[at], states[at]];
    if (one === undefined || state === undefined || placed.has(one.file.path)) return;
    placed.add(one.file.path);
    nodes.push({ said: one, state, depth, parent: parentOf.get(one.file.path) ?? null });
    if (depth >= DEPTH_MAX) return;
    for (const next of below.get(one.file.path) ?? []) place(next, depth + 1);
  };
  for (const at of below.get(null) ?? []) place(at, 0);
  // What is left stands in a circle of `re:`.
  said.forEach((_, at) => place(at, 0));
  return nodes;
}

/** Columns that a text needs to stand behind its id. */
const TEXT_MIN = 20;

function formatTree({ io }: Invocation, nodes: readonly Node[], asked: string): readonly string[] {
  const ids = shortIds(nodes.map(({ said }) => said.file.path));
  let day = '';
  const parents = new Set(nodes.map(({ parent }) => parent));
  const isKept = ({ said: { file } }: Node): boolean =>
    file.path === asked || parents.has(file.path);
  return foldFailures(nodes, isKept).flatMap((node) => {
    const { said, state, depth } = node;
    const [date, time] = [
      formatLocal(said.atMs).slice(0, 10),
      formatLocal(said.atMs).slice(11, 16),
    ];
    const heading = date === day ? [] : [paint(io, 'dim', date)];
    day = date;
    const marker = said.file.path === asked ? '▸ ' : '  ';
    const indent = depth === 0 ? '' : `${'  '.repeat(Math.min(depth - 1, 10))}└ `;
    const { continues } = said.message.fields;
    const notes = [
      ...(state.kind === 'reply' || state.kind === 'answered' ? [] : [stateText(state)]),
      ...(continues === null ? [] : [`continues ${lineFor(io, continues, 60)}`]),
    ];
    const note = notes.length === 0 ? '' : `  [${notes.join('; ')}]`;
    const id = lineFor(io, ids.get(said.file.path) ?? '', 80);
    const text = `${lineFor(io, `${whoSaid(said)} → ${said.to.join(', ')}`, 80)}: ${lineFor(io, tell(node), 600)}`;
    const head = `${marker}${indent}${time}  ${id}  `;
    const room = io.columns - displayWidth(head) - displayWidth(note);
    const painted = `${paint(io, 'yellow', marker)}${indent}${paint(io, 'dim', time)}  ${paint(io, 'cyan', id)}  `;
    const shown = paint(io, state.kind === 'failed' ? 'red' : 'yellow', note);
    if (room >= TEXT_MIN) return [...heading, `${painted}${fitWidth(text, room)}${shown}`];
    const below = io.columns - displayWidth(note) - 4;
    return [...heading, painted.trimEnd(), `    ${fitWidth(text, Math.max(0, below))}${shown}`];
  });
}
