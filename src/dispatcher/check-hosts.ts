/**
 * What is written in the name of hosts, where this host requires that hosts sign. Marks of started
 * agents and files of runs are facts that work rests on: where no known host has signed one, the
 * work or the run is held back, and reported. PROTOCOL.md "Signatures".
 */
import type { Oid } from '../base/ids.ts';
import { findStart } from '../protocol/find-start.ts';
import type { Work } from '../protocol/list-work.ts';
import type { OpenIndex } from '../protocol/open-work.ts';
import {
  channelFolder,
  channelRoot,
  isAttachment,
  parseMessagePath,
  runFiles,
} from '../protocol/paths.ts';
import type { ReasonOf } from '../protocol/reason.ts';
import {
  isHost,
  isHostOf,
  peopleWho,
  standingKey,
  type Trust,
  type Voice,
} from '../protocol/trust.ts';
import { parseHeader } from '../workflow/run/header.ts';
import { isPersonPath } from '../workflow/run/run-messages.ts';
import { isMark } from '../protocol/yes-or-no.ts';
import { readTextAt } from '../transport/read-text.ts';
import type { Repository } from '../transport/repository.ts';
import type { ListedRun, HostFile } from './trust-state.ts';

/** Where they are looked for. */
export interface Looking {
  readonly repository: Repository;
  readonly index: OpenIndex;
  readonly tip: Oid;
  /** Files of a run's channel, by the tree that they stood in. */
  readonly listed: Map<string, ListedRun>;
}

/** Marks of the work, and what hosts have written into the runs whose markers are among it. */
export async function listHostFiles(
  looking: Looking,
  works: readonly Work[],
): Promise<readonly HostFile[]> {
  return [...(await listMarks(looking, works)), ...(await listOfRuns(looking, works))];
}

async function listMarks(
  { repository, index, tip }: Looking,
  works: readonly Work[],
): Promise<readonly HostFile[]> {
  const marked = works.flatMap((work) => {
    const mark = findStart(index, work);
    return mark === null ? [] : [{ key: work.key, path: mark.path, host: mark.by?.alias ?? null }];
  });
  const paths = marked.map(({ path }) => path);
  const entries = paths.length === 0 ? [] : await repository.lookUp(tip, paths);
  return marked.flatMap((mark, at) => {
    const blob = entries[at]?.oid;
    return blob === undefined ? [] : [{ ...mark, blob }];
  });
}

async function listOfRuns(looking: Looking, works: readonly Work[]): Promise<readonly HostFile[]> {
  const { repository, index, tip, listed } = looking;
  const runs = [...index.runs];
  const folders = runs.length === 0 ? [] : await repository.lookUp(tip, runs.map(channelFolder));
  for (const run of listed.keys()) if (!index.runs.has(run)) listed.delete(run);
  const markers = new Map(
    works.flatMap(({ key, recipient, message }) =>
      recipient === 'workflow' ? [[message.path, key] as const] : [],
    ),
  );
  const found: HostFile[] = [];
  for (const [at, run] of runs.entries()) {
    const tree = folders[at]?.oid;
    if (tree === undefined) continue;
    const before = listed.get(run);
    const now = before?.tree === tree ? before : await listRun(looking, run, tree);
    listed.set(run, now);
    const key = markers.get(now.marker ?? '');
    if (key !== undefined) found.push(...now.files.map((file) => ({ ...file, key, host: null })));
  }
  return found;
}

async function listRun({ repository, tip }: Looking, run: string, tree: Oid): Promise<ListedRun> {
  const header = parseHeader((await readTextAt(repository, tip, runFiles(run).header)) ?? '');
  const changes = await repository.diff({ from: null, to: tip, under: channelFolder(run) });
  const root = channelRoot(run);
  const files = changes.flatMap((change) =>
    change.kind === 'written' && !isOfPeople(change.path, root) && !isAttachment(change.path)
      ? [{ path: change.path, blob: change.blob }]
      : [],
  );
  return { tree, marker: header?.marker ?? null, files };
}

/** Whether a file of a run is for people to write; `root`: the folder of its channel. */
export function isOfPeople(path: string, root: string): boolean {
  return (
    isPersonPath(path, root) ||
    path === `${root}CHANNEL.md` ||
    isMark(/\/gates\/[^/]+\/([^/]+)$/.exec(path)?.[1] ?? '')
  );
}

/** Whether the file counts: a known host has written it, or somebody answered in its place. */
export function countsAsHosts(file: HostFile, voice: Voice, trust: Trust): boolean {
  if (trust.letThrough.has(standingKey(file))) return true;
  if (file.host !== null) return isHostOf(voice, file.host);
  const isAnswer = file.path.endsWith('/CANCEL') || parseMessagePath(file.path)?.replyTo != null;
  return isHost(voice) || (isAnswer && peopleWho(voice, 'approve', trust).length > 0);
}

/** Why work is held back that rests on a file. */
export function heldByFile(
  { path, host }: Pick<HostFile, 'path' | 'host'>,
  found: ReasonOf<'unsigned'>['found'],
): ReasonOf<'unsigned'> {
  const from = host === null ? 'a known host' : `host ${host}`;
  return { kind: 'unsigned', path, from, found, isOfAnother: true };
}
