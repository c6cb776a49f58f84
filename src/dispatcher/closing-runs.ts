/**
 * Runs whose marker was closed before their end: somebody answered, removed or edited it. They are
 * no longer open work, but somebody has to end their tasks. The index lists every unfinished run,
 * so a host that lost its memory finds them too.
 */
import { type Oid, parseOid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import { decodeMessage, type Message } from '../protocol/message.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import { parseMessagePath, replyPath, runFiles } from '../protocol/paths.ts';
import { readTextAt } from '../transport/read-text.ts';
import { parseHeader } from '../workflow/run/header.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { MarkerPlace } from './notes.ts';
import { openMessage } from '../protocol/open-message.ts';
import { actsOutside } from '../protocol/isolation.ts';

/** What is looked at: a commit and the markers that are open there. */
interface Seen {
  readonly tip: Oid;
  readonly open: readonly OpenMessage[];
}

/**
 * Their markers, as they would stand in the index were they open. Read once a tip: between two
 * looks nothing of it changes.
 */
export async function listClosingRuns(
  dispatcher: Dispatcher,
  seen: Seen,
): Promise<readonly OpenMessage[]> {
  const { state } = dispatcher;
  if (state.workflows.closing.tip !== seen.tip)
    state.workflows.closing = { tip: seen.tip, markers: await findClosing(dispatcher, seen) };
  return state.workflows.closing.markers;
}

async function findClosing(dispatcher: Dispatcher, seen: Seen): Promise<readonly OpenMessage[]> {
  const { state, mirror } = dispatcher;
  const open = new Set(seen.open.map(({ path }) => path));
  const { runs } = mirror.index();
  for (const channel of state.workflows.markerOf.keys())
    if (!runs.has(channel)) state.workflows.markerOf.delete(channel);
  const found: OpenMessage[] = [];
  const openHere = new Set([...open].map((path) => state.workflows.channelOf.get(path)));
  for (const channel of runs) {
    if (openHere.has(channel)) continue;
    const marker = await markerOf(dispatcher, seen.tip, channel);
    if (marker === null || open.has(marker.path)) continue;
    const closing = await readClosed(dispatcher, seen.tip, { channel, marker });
    if (closing !== null) found.push(closing);
  }
  return found;
}

/** The marker of the run in a channel; null when no run is there. RUN.json never changes. */
async function markerOf(
  { state, doors }: Dispatcher,
  tip: Oid,
  channel: string,
): Promise<MarkerPlace | null> {
  const known = state.workflows.markerOf.get(channel);
  if (known !== undefined) return known;
  const header = parseHeader(
    (await readTextAt(doors.repository, tip, runFiles(channel).header)) ?? '',
  );
  if (header === null) return null;
  const marker = { path: header.marker, blob: parseOid(header.blob) };
  state.workflows.markerOf.set(channel, marker);
  return marker;
}

/**
 * Null when the run has come to its end after all. A marker that was removed, or edited so that it
 * is none any more, is read as it stood when the run began: the run keeps what it began with.
 */
async function readClosed(
  { doors, mirror }: Dispatcher,
  tip: Oid,
  { channel, marker }: { readonly channel: string; readonly marker: MarkerPlace },
): Promise<OpenMessage | null> {
  const answer = replyPath(marker.path, 'workflow');
  const [entry, complete, reply] = await doors.repository.lookUp(tip, [
    marker.path,
    runFiles(channel).complete,
    answer,
  ]);
  const parsed = parseMessagePath(marker.path);
  if (complete != null || parsed === null || (entry != null && entry.kind !== 'file')) return null;
  const read = async (oid: Oid | null): Promise<Message | null> => {
    const [blob] = oid === null ? [] : await doors.repository.readBlobs([oid], MESSAGE_BYTES_MAX);
    const decoded = blob?.kind === 'bytes' ? decodeMessage(blob.bytes) : null;
    return decoded?.kind === 'message' ? decoded.message : null;
  };
  const standing = await read(entry?.oid ?? null);
  const isMarker = standing?.fields.to.some(({ name }) => name === 'workflow') === true;
  // One that stands and waits is open work, unless something else holds it back.
  if (isMarker && (reply == null || mirror.index().forged.has(answer))) return null;
  const oid = isMarker ? (entry?.oid ?? null) : marker.blob;
  const message = isMarker ? standing : await read(marker.blob);
  if (oid === null || message === null) return null;
  const { fields } = message;
  return openMessage(
    {
      file: parsed,
      blob: oid,
      from: fields.from ?? 'someone',
      timestampMs: fields.timestampMs ?? 0,
      isExternal: actsOutside(parsed.path, message),
      recipients: [],
    },
    fields,
  );
}
