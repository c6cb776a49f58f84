/**
 * Where the markers of runs stand. A run keeps what it began with, whatever happens to its marker:
 * one that is edited, unreadable or gone is read as it stood when the run began.
 */
import { type Oid, parseOid } from '../../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../../protocol/front-matter.ts';
import { actsOutside } from '../../protocol/isolation.ts';
import { decodeMessage, type Message } from '../../protocol/message.ts';
import { openMessage } from '../../protocol/open-message.ts';
import type { OpenMessage } from '../../protocol/open-work.ts';
import { parseMessagePath, runFiles } from '../../protocol/paths.ts';
import { readTextAt } from '../../transport/read-text.ts';
import { parseHeader, type RunHeader } from '../../workflow/run/header.ts';
import type { Surroundings } from './look-around.ts';
import { archiveOf } from './read-archive.ts';
import { lookUpFiles, readSaid } from './read-conversation.ts';
import { tipOf } from './reading.ts';

/** A marker that can be read; `isEdited`: what stands at its path now cannot. */
export interface FoundMarker {
  readonly marker: OpenMessage;
  readonly isEdited: boolean;
}

/** Every marker that is open at the tip. */
export function openMarkers(around: Surroundings): readonly OpenMessage[] {
  return around.works.flatMap(({ recipient, message, twinOf }) =>
    recipient === 'workflow' && twinOf === null ? [message] : [],
  );
}

/** Paths of the markers of all runs that are not over, also of those that are no open work. */
export async function unfinishedMarkers(around: Surroundings): Promise<readonly string[]> {
  const open = openMarkers(around).map(({ path }) => path);
  const begun = await Promise.all([...around.index.runs].map((run) => markerOfRun(around, run)));
  return [...new Set([...open, ...begun.flatMap((path) => path ?? [])])];
}

/** The path of the marker of the run in a channel, or null when none has begun there. */
export async function markerOfRun(
  around: Pick<Surroundings, 'session'>,
  run: string,
): Promise<string | null> {
  return (await headerOfRun(around, run))?.marker ?? null;
}

async function headerOfRun(
  { session }: Pick<Surroundings, 'session'>,
  run: string,
): Promise<RunHeader | null> {
  const path = runFiles(run).header;
  const standing = await readTextAt(session.repository, tipOf(session), path);
  const archive = standing === null ? await archiveOf(session) : null;
  const text = archive === null ? standing : await readTextAt(session.repository, archive, path);
  return text === null ? null : parseHeader(text);
}

/** The marker at a path; null when none stood there. `runs`: channels that may be its run's. */
export async function findMarker(
  around: Surroundings,
  path: string,
  runs: () => Promise<Iterable<string>>,
): Promise<FoundMarker | null> {
  const open = openMarkers(around).find((marker) => marker.path === path);
  if (open !== undefined) return { marker: open, isEdited: false };
  if (parseMessagePath(path) === null) return null;
  const [file] = await lookUpFiles(around.session, [path]);
  const { said } = await readSaid(around.session, file == null ? [] : [file]);
  const [one] = said;
  if (file != null && one !== undefined && isMarker(one.message))
    return { marker: asOpen(path, { ...one, blob: file.blob }), isEdited: false };
  const marker = await readAsBegun(around, path, await runs());
  return marker === null ? null : { marker, isEdited: file != null };
}

async function readAsBegun(
  around: Surroundings,
  path: string,
  runs: Iterable<string>,
): Promise<OpenMessage | null> {
  for (const run of runs) {
    const header = await headerOfRun(around, run);
    const blob = header?.marker === path ? parseOid(header.blob) : null;
    if (header == null || blob === null) continue;
    const [read] = await around.session.repository.readBlobs([blob], MESSAGE_BYTES_MAX);
    const decoded = read?.kind === 'bytes' ? decodeMessage(read.bytes) : null;
    if (decoded?.kind !== 'message') return null;
    return asOpen(path, { message: decoded.message, from: header.from, atMs: header.atMs, blob });
  }
  return null;
}

function isMarker({ fields }: Message): boolean {
  return fields.to.some(({ name }) => name === 'workflow');
}

function asOpen(
  path: string,
  one: {
    readonly message: Message;
    readonly from: string;
    readonly atMs: number;
    readonly blob: Oid;
  },
): OpenMessage {
  const file = parseMessagePath(path);
  if (file === null) throw new TypeError(`${path} is not a path of a message`);
  return openMessage(
    {
      file,
      blob: one.blob,
      from: one.from,
      timestampMs: one.atMs,
      isExternal: actsOutside(path, one.message),
      recipients: [],
    },
    one.message.fields,
  );
}
