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
import { askIndex } from './conversation-index.ts';
import { type MessageState, readStates } from './message-state.ts';
import { foldFailures, type Shown, stateText, tell, toJson, whoSaid } from './print-message.ts';
import {
  decodeBlob,
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
    const { asked, above, said, unreadable } = await readWholeThread(
      session,
      invocation.args[0] ?? '',
    );
    const states = await readStates(session, said);
    const nodes = plantTree(above, said, states);
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
  const found = createLinks(session, await readNamed(session, asked));
  const links = run === null ? found : await withTasks(session, found, { run, marker: asked.path });
  const top = await spread([asked.path], links.above);
  const members = await lookUpFiles(session, await spread(top, links.below));
  const { said, unreadable } = await readSaid(
    session,
    members.filter((file) => file !== null),
  );
  const above = new Map<string, readonly string[]>();
  for (const { file } of said) above.set(file.path, await links.above(file.path));
  return { asked, above, said: inOrder(said), unreadable };
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

/** What messages say that they answer, by their paths. */
type Named = ReadonlyMap<string, readonly string[]>;

/** Everything that can belong to the thread of a message. */
async function readNamed(session: TransportSession, asked: ListedFile): Promise<Named> {
  const above = await readAbove(session, asked);
  const since = above === null ? null : await findSince(session, [...above.keys()]);
  if (above === null || since === null) return askIndex(session, (index) => index.links());
  const { repository } = session;
  const range = { from: since, to: tipOf(session), channel: null };
  return new Map([...above, ...(await readRe(session, await listFiles(repository, range)))]);
}

async function readRe(session: TransportSession, files: readonly ListedFile[]): Promise<Named> {
  const named = new Map<string, readonly string[]>();
  await scanBlobs(session.repository, files, (file, blob) => {
    const decoded = decodeBlob(blob, file.path);
    if (decoded.kind === 'message') named.set(file.path, decoded.message.fields.re);
  });
  return named;
}

/** Messages above one that are looked for one after the other. */
const ABOVE_MAX = 256;

/** A message and those that it answers, as far up as they stand; null when they are many. */
async function readAbove(session: TransportSession, asked: ListedFile): Promise<Named | null> {
  const above = new Map<string, readonly string[]>();
  for (let level: readonly ListedFile[] = [asked]; level.length > 0;) {
    if (above.size > ABOVE_MAX) return null;
    const named = await readRe(session, level);
    for (const { path } of level) above.set(path, named.get(path) ?? []);
    const paths = level.flatMap(({ path, replyTo }) => [
      ...(replyTo === null ? [] : [replyTo.path]),
      ...(named.get(path) ?? []),
    ]);
    const fresh = [...new Set(paths)].filter((path) => !above.has(path));
    level = (await lookUpFiles(session, fresh)).filter((file) => file !== null);
  }
  return above;
}

/** Commits back that are tried before the index is. */
const COMMITS_TRIED = [64, 4_096];

/**
 * A commit in which none of them stood yet: what names a message is written after it. Null when
 * they are older than a few thousand commits, or something is in the archive.
 */
async function findSince(session: TransportSession, above: readonly string[]): Promise<Oid | null> {
  const { repository } = session;
  if ((await archiveOf(session)) !== null) return null;
  for (const max of COMMITS_TRIED) {
    const commits = await repository.history({ from: null, to: tipOf(session), max });
    const since = commits.length < max ? undefined : commits[0]?.oid;
    if (since === undefined) return null;
    if ((await repository.lookUp(since, above)).every((entry) => entry === null)) return since;
  }
  return null;
}

/** Who answers whom, of what stands. */
interface Links {
  readonly above: Next;
  readonly below: Next;
}

type Next = (path: string) => Promise<readonly string[]>;

/** A reply answers what it stands beside; any other message, and one alone, what it names. */
function createLinks(session: TransportSession, named: Named): Links {
  const namedBy = new Map<string, string[]>();
  for (const [path, answered] of named)
    for (const one of answered) {
      const by = namedBy.get(one);
      if (by === undefined) namedBy.set(one, [path]);
      else by.push(path);
    }
  const folderOf = createFolders(session);
  const stands = async (path: string): Promise<boolean> => (await folderOf(path)).has(path);
  const beside = async (path: string): Promise<string | null> => {
    const original = parseMessagePath(path)?.replyTo?.path;
    return original !== undefined && (await stands(original)) ? original : null;
  };
  return {
    above: async (path) => {
      const original = await beside(path);
      if (original !== null) return [original];
      const others = (named.get(path) ?? []).filter((one) => one !== path);
      return filterAsync(others, stands);
    },
    below: async (path) => [
      ...((await folderOf(path)).get(path) ?? []),
      ...(await filterAsync(namedBy.get(path) ?? [], async (one) => (await beside(one)) === null)),
    ],
  };
}

async function filterAsync(
  paths: readonly string[],
  fits: (path: string) => Promise<boolean>,
): Promise<readonly string[]> {
  const fitting: string[] = [];
  for (const path of paths) if (await fits(path)) fitting.push(path);
  return fitting;
}

/** What stands in the folder of a path, each with the replies beside it; each is listed once. */
function createFolders(
  session: TransportSession,
): (path: string) => Promise<ReadonlyMap<string, readonly string[]>> {
  const folders = new Map<string, Promise<ReadonlyMap<string, readonly string[]>>>();
  const list = async (folder: string): Promise<ReadonlyMap<string, readonly string[]>> => {
    const archive = await archiveOf(session);
    const standing = new Map<string, string[]>();
    for (const commit of [tipOf(session), ...(archive === null ? [] : [archive])])
      for (const { name, kind } of await session.repository.list(commit, folder))
        if (kind === 'file') standing.set(`${folder}/${name}`, []);
    for (const path of standing.keys())
      standing.get(parseMessagePath(path)?.replyTo?.path ?? '')?.push(path);
    return standing;
  };
  return (path) => {
    const folder = path.slice(0, path.lastIndexOf('/'));
    const known = folders.get(folder) ?? list(folder);
    folders.set(folder, known);
    return known;
  };
}

/** The same with what stands in the channel of a run below its marker, where nothing else is. */
async function withTasks(
  session: TransportSession,
  links: Links,
  { run, marker }: { readonly run: string; readonly marker: string },
): Promise<Links> {
  const tasks = new Set<string>();
  for (const { path, replyTo } of await listAll(session, run))
    if (replyTo === null && (await links.above(path)).length === 0) tasks.add(path);
  return {
    above: async (path) => (tasks.has(path) ? [marker] : links.above(path)),
    below: async (path) => [...(await links.below(path)), ...(path === marker ? tasks : [])],
  };
}

async function spread(from: readonly string[], next: Next): Promise<readonly string[]> {
  const seen = new Set(from);
  for (const path of seen) for (const other of await next(path)) seen.add(other);
  return [...seen];
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
  above: ReadonlyMap<string, readonly string[]>,
  said: readonly Said[],
  states: readonly MessageState[],
): readonly Node[] {
  const present = new Set(said.map(({ file }) => file.path));
  const parentOf = new Map(
    said.map(({ file }) => [
      file.path,
      above.get(file.path)?.find((path) => present.has(path)) ?? null,
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
