/** Reads everything the workflow engine needs for one run at one tip; the engine is pure. */
import { type Oid, parseOid } from '../base/ids.ts';
import { MESSAGE_BYTES_MAX } from '../protocol/front-matter.ts';
import type { Message } from '../protocol/message.ts';
import { type Askable, knownOf } from '../protocol/who-can-be-asked.ts';
import { hear, requires, standingKey, type Trust } from '../protocol/trust.ts';
import type { Speaker } from '../protocol/who-said.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import type { Called } from '../protocol/people.ts';
import {
  channelFolder,
  channelOf,
  channelRoot,
  replyPath,
  runFiles,
  SCHEMAS,
  workflowFile,
  WORKFLOWS,
} from '../protocol/paths.ts';
import { parseHeader } from '../workflow/run/header.ts';
import { readMessage } from '../workflow/run/message-memo.ts';
import { readMarker, runChannel } from '../workflow/language/marker.ts';
import type { RunInput, RunSummary } from '../workflow/run/run-input.ts';
import { readTextAt } from '../transport/read-text.ts';
import { countsAsHosts, isOfPeople } from './check-hosts.ts';
import { findSpeakers } from './find-speakers.ts';
import { findSigned, isHeard } from './signed-file.ts';
import { readFolder, type TextMemory } from '../transport/read-folder.ts';
import type { TipView } from '../transport/transaction.ts';
import type { Repository } from '../transport/repository.ts';

export interface RunReader {
  readonly repository: Repository;
  readonly view: Pick<TipView, 'tip' | 'added'>;
  readonly askable: Pick<Askable, 'names' | 'served' | 'compilers'>;
  readonly summaries: readonly RunSummary[];
  /** Texts of the run. */
  readonly memory: TextMemory;
  /** Texts of other folders, by a name for each. */
  readonly memories: Map<string, TextMemory>;
  /** Whose addresses are whose. */
  readonly called: Called;
  /** What must be signed for this host; null: nothing. */
  readonly trust: Trust | null;
  readonly nowMs: number;
}

/** The input of one run, or null when its marker cannot be read or is none. */
export async function readRun(reader: RunReader, marker: OpenMessage): Promise<RunInput | null> {
  const { repository, view } = reader;
  if (view.tip === null) return null;
  const [blob] = await repository.readBlobs([marker.blob], MESSAGE_BYTES_MAX);
  const read =
    blob?.kind === 'bytes' ? readMessage(Buffer.from(blob.bytes).toString('utf8')) : null;
  if (read?.kind !== 'message') return null;
  if (!(await isMarker(reader, marker, read.message))) return null;
  const run = runChannel(marker.path, read.message);
  const files = await readRunFiles(reader, run);
  const isGone = (await repository.lookUp(view.tip, [marker.path]))[0] == null;
  const reply =
    view.added.get(replyPath(marker.path, 'workflow')) ??
    (await readTextAt(repository, view.tip, replyPath(marker.path, 'workflow')));
  const workflows = await readSigned(reader, view.tip, WORKFLOWS);
  const schemas = await readSigned(reader, view.tip, SCHEMAS);
  const fork =
    parseHeader(files.get(runFiles(run).header) ?? '')?.fork ?? readMarker(read.message).fork;
  const forked = fork === null ? null : await readFork(reader, run, fork);
  const speakers = await readSpeakers(reader, channelRoot(run), files);
  return {
    run,
    marker: {
      path: marker.path,
      blob: marker.blob,
      message: read.message,
      from: marker.from,
      timestampMs: marker.timestampMs,
      reply,
      isGone,
    },
    files,
    nowMs: reader.nowMs,
    lookUp: {
      savedWorkflow: (name) => workflows.get(workflowFile(name)) ?? null,
      schemaFile: (path) => workflows.get(path) ?? schemas.get(path) ?? null,
      ...knownOf(reader.askable),
      otherRuns: reader.summaries.filter((summary) => summary.run !== run),
      cached: () => null,
      runFiles: (name, at) =>
        fork !== null && name === fork.run && at === fork.at ? forked : null,
      whoSaid: (path) => speakers.get(path) ?? null,
    },
  };
}

/**
 * What is saved in a folder, as it counts: where workflows must be signed, each file in the
 * newest version that somebody has signed who may change them.
 */
async function readSigned(
  reader: RunReader,
  tip: Oid,
  name: string,
): Promise<ReadonlyMap<string, string>> {
  const { repository, trust } = reader;
  const place = { commit: tip, folder: name };
  const standing = await readFolder(repository, place, memoryOf(reader, name));
  if (trust === null || !requires(trust, 'schedules')) return standing;
  const [folder] = await repository.lookUp(tip, [name]);
  const signed = SIGNED.get(trust) ?? new Map<string, SignedFolder>();
  SIGNED.set(trust, signed);
  const known = signed.get(name);
  if (known !== undefined && known.tree === folder?.oid) return known.texts;
  const texts = new Map<string, string>();
  const signing = { repository, tip, trust, right: 'models', isReadable: () => true } as const;
  const paths = [...standing.keys()];
  const writers = await repository.findWriters(paths, tip);
  const entries = await repository.lookUp(tip, paths);
  let searches = 0;
  for (const [at, [path, now]] of [...standing].entries()) {
    const counts =
      isHeard(writers.get(path)?.signed ?? null, trust, 'models') ||
      trust.letThrough.has(standingKey({ path, blob: entries[at]?.oid ?? '' }));
    if (!counts) searches += 1;
    if (!counts && searches > SEARCHES_MAX) continue;
    const text = counts ? now : (await findSigned(signing, path)).text;
    if (text !== null) texts.set(path, text);
  }
  if (folder != null) signed.set(name, { tree: folder.oid, texts });
  return texts;
}

/** Each goes through the history: what is changed beyond so many files is ignored. */
const SEARCHES_MAX = 16;

interface SignedFolder {
  readonly tree: Oid;
  readonly texts: ReadonlyMap<string, string>;
}

/** What was signed of each folder, by those who were known. */
const SIGNED = new WeakMap<Trust, Map<string, SignedFolder>>();

/** A control message is none, nor is what people say to each other in the channel of a run. */
async function isMarker(
  { repository, view }: RunReader,
  { path }: OpenMessage,
  { fields }: Message,
): Promise<boolean> {
  if (fields.op !== null) return false;
  if (fields.type === 'workflow') return true;
  const header = runFiles(channelOf(path) ?? '').header;
  if (view.tip === null || view.added.has(header)) return false;
  const [entry] = await repository.lookUp(view.tip, [header]);
  return entry == null;
}

function memoryOf({ memories }: RunReader, name: string): TextMemory {
  const memory = memories.get(name) ?? new Map<Oid, string>();
  memories.set(name, memory);
  return memory;
}

async function readRunFiles(reader: RunReader, run: string): Promise<ReadonlyMap<string, string>> {
  const { repository, view } = reader;
  const folder = channelFolder(run);
  const standing =
    view.tip === null
      ? new Map<string, string>()
      : await readFolder(repository, { commit: view.tip, folder }, reader.memory);
  const added = [...view.added].filter(([path]) => path.startsWith(`${folder}/`));
  return added.length === 0 ? standing : new Map([...standing, ...added]);
}

async function readFork(
  reader: RunReader,
  run: string,
  fork: { readonly run: string; readonly at: string | null },
): Promise<ReadonlyMap<string, string> | null> {
  const at = fork.at === null ? reader.view.tip : parseOid(fork.at);
  const commit = at === null ? null : ((await reader.repository.readCommit(at))?.oid ?? null);
  if (commit === null) return null;
  const place = { commit, folder: channelFolder(fork.run) };
  const files = await readFolder(reader.repository, place, memoryOf(reader, run));
  return withoutForged(reader, commit, files);
}

/** Without what hosts write and no host, nor who may answer for one, has signed. */
async function withoutForged(
  { repository, trust }: RunReader,
  commit: Oid,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, string>> {
  if (trust === null || !requires(trust, 'hosts')) return files;
  const paths = [...files.keys()];
  const writers = await repository.findWriters(paths, commit);
  const entries = await repository.lookUp(commit, paths);
  const counts = (path: string, at: number): boolean => {
    const blob = entries[at]?.oid;
    const voice = hear(writers.get(path)?.signed ?? null, trust.signers);
    return blob !== undefined && countsAsHosts({ key: '', path, blob, host: null }, voice, trust);
  };
  return new Map([...files].filter(([path], at) => counts(path, at)));
}

/** Who speaks in each file of people, also in a bare file beside a gate. */
async function readSpeakers(
  { repository, view, called, trust }: RunReader,
  root: string,
  files: ReadonlyMap<string, string>,
): Promise<ReadonlyMap<string, Speaker>> {
  const ofPeople = new Map([...files].filter(([path]) => isOfPeople(path, root)));
  return findSpeakers({ repository, tip: view.tip, called, trust }, ofPeople);
}
