/**
 * Runs as the commands of `workflow` see them: found by what a person typed, read at a commit,
 * described by the engine.
 */
import { readTrailer, readTrailers } from '../../protocol/trailers.ts';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import type { Oid } from '../../base/ids.ts';
import { readRun } from '../../dispatcher/read-run.ts';
import { suggestName } from '../../protocol/address.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { decodeMessage } from '../../protocol/message.ts';
import { isChannel } from '../../protocol/names.ts';
import type { OpenMessage } from '../../protocol/open-work.ts';
import { archivedPath, channelOf, channelRoot, replyPath } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { summarizeRun } from '../../workflow/run/engine.ts';
import { planInForce } from '../../workflow/run/plan-in-force.ts';
import { describeRun, type RunView } from '../../workflow/view/describe.ts';
import { runChannel } from '../../workflow/language/marker.ts';
import type { RunInput, RunSummary } from '../../workflow/run/run-input.ts';
import { askableNow } from './askable.ts';
import type { Surroundings } from './look-around.ts';
import { findOddReplies, type OddReply } from './odd-reply.ts';
import { archiveOf } from './read-archive.ts';
import { tipOf } from './reading.ts';
import { resolveId } from './resolve-id.ts';
import { fixBy } from '../../base/fix.ts';
import type { Reason } from '../../protocol/reason.ts';
import { findMarker, markerOfRun, openMarkers, unfinishedMarkers } from './run-markers.ts';

/** A run and everything the engine knows of it. */
export interface RunSeen {
  readonly marker: OpenMessage;
  readonly input: RunInput;
  readonly view: RunView;
  /** What stands where answers to its open tasks belong, by the path of the reply. */
  readonly odd: ReadonlyMap<string, OddReply>;
}

/** The commits whose trailers are read for the runs that moved lately. */
const COMMITS_MAX = 2_000;

/**
 * The one run that `text` names: its channel, the beginning of it, its marker, or a message of it.
 * Throws NOT_FOUND and ID_AMBIGUOUS.
 */
export async function findRun(
  around: Surroundings,
  text: string,
  at: Oid | null = null,
): Promise<RunSeen> {
  const { session } = around;
  const standing = isChannel(text) ? await markerOfRun(around, text) : null;
  const path = standing ?? (await findByPrefix(around, text)) ?? (await findByMarker(around, text));
  const seen = (await seeMarker(around, path, at)) ?? (await seeRunOf(around, path, at));
  if (seen === null)
    throw new CrosstalkError('NOT_FOUND', `${path} is not a workflow in ${session.located.url}`, {
      fix: fixBy`crosstalkd show ${path}`,
    });
  return seen;
}

/** The run whose task, gate or order stands at a path. */
async function seeRunOf(
  around: Surroundings,
  path: string,
  at: Oid | null,
): Promise<RunSeen | null> {
  const channel = channelOf(path);
  const marker = channel === null ? null : await markerOfRun(around, channel);
  return marker === null ? null : seeMarker(around, marker, at);
}

/**
 * Paths of markers: open ones first, then those of runs that moved lately, newest first. The
 * history is read only when so many are asked for.
 */
export async function* listMarkers(
  around: Surroundings,
  only: 'all' | 'open',
): AsyncGenerator<string> {
  const open = await unfinishedMarkers(around);
  yield* [...open].reverse();
  if (only === 'open') return;
  const told = new Set(open);
  for (const run of (await recentRuns(around)).keys()) {
    const path = await markerOfRun(around, run);
    if (path === null || told.has(path)) continue;
    told.add(path);
    yield path;
  }
}

/** Reads and describes the run of a marker; null when it is not a run. */
export function readMarkerRun(around: Surroundings, path: string): Promise<RunSeen | null> {
  return seeMarker(around, path, null);
}

async function seeMarker(
  around: Surroundings,
  path: string,
  at: Oid | null,
): Promise<RunSeen | null> {
  const found = await findMarker(
    around,
    path,
    async () => new Set([...around.index.runs, ...(await recentRuns(around)).keys()]),
  );
  const seen = found === null ? null : await readSeen(around, { marker: found.marker, at });
  if (found === null || seen === null) return null;
  const { run } = seen.input;
  const edited: readonly Reason[] = found.isEdited ? [{ kind: 'marker-edited', run }] : [];
  const view = { ...seen.view, blockedBy: [...seen.view.blockedBy, ...edited] };
  return { ...seen, marker: found.marker, view };
}

async function readSeen(
  around: Surroundings,
  { marker, at }: { readonly marker: OpenMessage; readonly at: Oid | null },
): Promise<Omit<RunSeen, 'marker'> | null> {
  const reader = readerOf(around, at);
  const alone =
    at === null && marker.recipients.length === 0
      ? await readEnded(around, reader, marker)
      : await readRun(reader, marker);
  if (alone === null) return null;
  // The other runs matter only to one that shares a concurrency group with them.
  const isGrouped = planInForce(alone.files, channelRoot(alone.run))?.plan.concurrency != null;
  const otherRuns = isGrouped
    ? (await summariesOf(around)).filter(({ run }) => run !== alone.run)
    : [];
  const input = { ...alone, lookUp: { ...alone.lookUp, otherRuns } };
  const view = describeRun(input);
  const awaited = view.tasks.flatMap(({ state, reply }) =>
    at === null && state === 'open' ? [reply] : [],
  );
  return { input, view, odd: await findOddReplies(around, awaited) };
}

/**
 * A run that may be in the archive; its marker and the reply to it may have gone there before it,
 * or not yet.
 */
async function readEnded(
  around: Surroundings,
  reader: ReturnType<typeof readerOf>,
  marker: OpenMessage,
): Promise<RunInput | null> {
  const { session } = around;
  const run = await channelOfMarker(around, marker);
  const [tombstone] =
    run === null ? [] : await session.repository.lookUp(tipOf(session), [archivedPath(run)]);
  const archive = tombstone?.kind === 'file' ? await archiveOf(session) : null;
  if (archive === null) return readRun(reader, marker);
  const path = replyPath(marker.path, 'workflow');
  const reply = await readTextAt(session.repository, tipOf(session), path);
  return readRun(
    { ...reader, view: { tip: archive, added: new Map(reply === null ? [] : [[path, reply]]) } },
    marker,
  );
}

/**
 * What concurrency groups need to know of the open runs: read once a look, however many are
 * described.
 */
function summariesOf(around: Surroundings): Promise<readonly RunSummary[]> {
  const known = SUMMARIES.get(around) ?? readSummaries(around);
  SUMMARIES.set(around, known);
  return known;
}

const SUMMARIES = new WeakMap<Surroundings, Promise<readonly RunSummary[]>>();

async function readSummaries(around: Surroundings): Promise<readonly RunSummary[]> {
  const inputs = await Promise.all(
    openMarkers(around).map((marker) => readRun(readerOf(around, null), marker)),
  );
  return inputs.flatMap((input) => (input === null ? [] : [summarizeRun(input)]));
}

function readerOf(around: Surroundings, at: Oid | null) {
  return {
    repository: around.session.repository,
    view: { tip: at ?? tipOf(around.session), added: new Map<string, string>() },
    askable: askableNow(around),
    summaries: [],
    memory: new Map(),
    memories: new Map(),
    called: around.index.called,
    trust: around.trust,
    nowMs: systemClock.wallMs(),
  };
}

/** The marker of the run whose channel begins with `text`, or null. Throws ID_AMBIGUOUS. */
export async function findByPrefix(around: Surroundings, text: string): Promise<string | null> {
  const known = new Map<string, string | null>();
  for (const marker of openMarkers(around)) {
    const run = await channelOfMarker(around, marker);
    if (run !== null) known.set(run, marker.path);
  }
  const recent = await recentRuns(around);
  for (const run of recent.keys()) if (!known.has(run)) known.set(run, null);
  const found = [...known.keys()].filter(
    (run) => run === text || (text.length >= 2 && run.startsWith(text)),
  );
  const [only, ...more] = found.includes(text) ? [text] : found;
  if (only === undefined) return null;
  if (more.length > 0)
    throw new CrosstalkError(
      'ID_AMBIGUOUS',
      `"${text}" matches ${found.length} runs: ${found.slice(0, 10).join(', ')}`,
      { fix: 'crosstalkd workflow list' },
    );
  return (
    known.get(only) ?? (await markerOfRun(around, only)) ?? markerOfRefused(around, recent, only)
  );
}

/** The marker of a run that never began: what answered it names both. */
async function markerOfRefused(
  { session }: Surroundings,
  recent: ReadonlyMap<string, string | null>,
  run: string,
): Promise<string | null> {
  const id = recent.get(run) ?? null;
  return id === null ? null : (await resolveId(session, id)).path;
}

async function findByMarker(around: Surroundings, text: string): Promise<string> {
  try {
    const file = await resolveId(around.session, text);
    return file.replyTo?.path ?? file.path;
  } catch (error) {
    if (!(error instanceof CrosstalkError) || error.code !== 'NOT_FOUND') throw error;
    const near = suggestName(text, [...(await recentRuns(around)).keys()]);
    throw new CrosstalkError(
      'NOT_FOUND',
      `no run "${text}"${near === null ? '' : `; did you mean "${near}"?`}`,
      { fix: 'crosstalkd workflow list' },
    );
  }
}

async function channelOfMarker(
  { session }: Surroundings,
  marker: OpenMessage,
): Promise<string | null> {
  const [blob] = await session.repository.readBlobs([marker.blob], MESSAGE_BYTES_MAX);
  const read = blob?.kind === 'bytes' ? decodeMessage(blob.bytes) : null;
  return read?.kind === 'message' && read.message.fields.op === null
    ? runChannel(marker.path, read.message)
    : null;
}

/**
 * Channels of runs whose commits are among the newest ones, newest first, each with the id of what
 * the newest of its commits answers.
 */
async function recentRuns({ session }: Surroundings): Promise<ReadonlyMap<string, string | null>> {
  const commits = await session.repository.history({
    from: null,
    to: tipOf(session),
    max: COMMITS_MAX,
  });
  const runs = new Map<string, string | null>();
  for (const { message } of [...commits].reverse())
    for (const run of readTrailers(message, 'Run'))
      runs.set(run, runs.get(run) ?? readTrailer(message, 'Re'));
  return runs;
}
