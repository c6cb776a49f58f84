/**
 * Advances workflows: for each open marker the engine computes the next files, and each transition
 * is published as one commit. Any host may do this; two hosts compute the same, and a crash leaves
 * nothing or a whole commit, so no lock is needed. A run's preferred host goes first; others step
 * in when nothing has moved for a moment.
 */
import { CrosstalkError, errorText } from '../base/errors.ts';
import { formatTrailers } from '../protocol/trailers.ts';
import type { Oid } from '../base/ids.ts';
import { dispatcherIdentity } from '../protocol/reply.ts';
import type { OpenMessage } from '../protocol/open-work.ts';
import { listWork } from '../protocol/list-work.ts';
import { parseBeat, parseBeatName } from '../protocol/beat.ts';
import { decodeModels } from '../protocol/decode-models.ts';
import { NOBODY, whoCanBeAsked } from '../protocol/who-can-be-asked.ts';
import { rememberText } from '../workflow/run/text-memo.ts';
import { channelFolder, parseGatePath, SCHEMAS, WORKFLOWS } from '../protocol/paths.ts';
import { summarizeRun } from '../workflow/run/engine.ts';
import { createFoldMemo } from '../workflow/run/fold-memo.ts';
import { tellTransition } from '../workflow/run/tell-transition.ts';
import type { RunInput, RunSummary, Transition } from '../workflow/run/run-input.ts';
import type { Transaction, TipView } from '../transport/transaction.ts';
import type { CommitDraft } from '../transport/repository.ts';
import { nextWithCache } from './cached-answers.ts';
import { listClosingRuns } from './closing-runs.ts';
import { type Dispatcher, wake } from './dispatcher.ts';
import { stealAfterMs } from './keep-pace.ts';
import { enqueue } from './post.ts';
import { readRun, type RunReader } from './read-run.ts';
import { refsUnder } from './refs-under.ts';
import { candidatesFor, preferredInstance } from './select-work.ts';
import type { FoldMemo } from '../workflow/run/fold.ts';

/** Transitions of one run in one push. */
const TRANSITIONS_MAX = 16;
/**
 * A run that did not change is asked again this often: waits, timeouts and other runs may have come
 * due.
 */
const REVISIT_MS = 2_000;

/**
 * With many runs that move, a pass over all of them takes seconds: after so long it gives way to
 * the next look, which takes what people have asked meanwhile.
 */
const ADVANCE_MS_MAX = 250;

const transportModels = rememberText(decodeModels);

/** Publishes what comes next in every open run that this host should move. */
export async function advanceWorkflows(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  const open = openMarkers(dispatcher);
  const markers =
    tip === null ? open : [...open, ...(await listClosingRuns(dispatcher, { tip, open }))];
  forgetEnded(dispatcher, markers);
  state.workflows.advancedTip = tip;
  if (tip === null || markers.length === 0 || state.host.mode !== 'running') return;
  const folders = await doors.repository.lookUp(
    tip,
    markers.map((marker) => channelFolder(state.workflows.channelOf.get(marker.path) ?? '-')),
  );
  let others: readonly RunSummary[] | null = null;
  const untilMs = doors.clock.monotonicMs() + ADVANCE_MS_MAX;
  const lastAsked = ({ path }: OpenMessage): number =>
    state.workflows.runs.get(path)?.askedMs ?? Number.NEGATIVE_INFINITY;
  for (const [index, marker] of [...markers.entries()].sort(
    ([, a], [, b]) => Math.sign(lastAsked(a) - lastAsked(b)) || 0,
  )) {
    const tree = folders[index]?.oid ?? null;
    if (state.workflows.advancing.has(marker.path) || !isDue(dispatcher, marker, tree)) continue;
    // Who serves what is read with the next look, now that a run is known; a plan must not be
    // refused for want of it.
    if (!knowsBeats(dispatcher)) {
      wake(dispatcher);
      return;
    }
    if (doors.clock.monotonicMs() > untilMs) {
      state.workflows.advancedTip = null;
      wake(dispatcher);
      return;
    }
    others ??= await summarizeRuns(dispatcher, { tip, added: new Map() });
    await advanceAlone(dispatcher, marker, others);
  }
}

function knowsBeats({ state, settings }: Dispatcher): boolean {
  return refsUnder(state.refs, settings.refs.hosts).every(([, oid]) => state.records.has(oid));
}

function forgetEnded({ state }: Dispatcher, markers: readonly OpenMessage[]): void {
  const open = new Set(markers.map(({ path }) => path));
  for (const known of [
    state.workflows.runs,
    state.workflows.runTexts,
    state.workflows.foldMemos,
    state.workflows.channelOf,
    state.workflows.gates,
  ])
    for (const path of known.keys()) if (!open.has(path)) known.delete(path);
  const runs = new Set(state.workflows.channelOf.values());
  for (const name of state.workflows.folderTexts.keys())
    if (name !== WORKFLOWS && name !== SCHEMAS && !runs.has(name))
      state.workflows.folderTexts.delete(name);
}

function openMarkers(dispatcher: Dispatcher): readonly OpenMessage[] {
  return listWork(dispatcher.mirror.index()).flatMap(({ key, recipient, message, twinOf }) =>
    recipient === 'workflow' && twinOf === null && !dispatcher.state.trust.held.has(key)
      ? [message]
      : [],
  );
}

function isDue(dispatcher: Dispatcher, marker: OpenMessage, tree: Oid | null): boolean {
  const { state, doors, settings } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const seen = state.workflows.runs.get(marker.path);
  const changed = seen?.tree !== tree;
  if (changed)
    state.workflows.runs.set(marker.path, {
      tree,
      seenMs: nowMs,
      askedMs: Number.NEGATIVE_INFINITY,
    });
  const last = state.workflows.runs.get(marker.path);
  if (last === undefined || nowMs - last.askedMs < REVISIT_MS) return false;
  const others = [...state.refs.keys()].flatMap((ref) =>
    ref.startsWith(settings.refs.hosts)
      ? (parseBeatName(ref.slice(settings.refs.hosts.length)) ?? [])
      : [],
  );
  const own = { alias: settings.alias, instance: doors.local.instance };
  const candidates = candidatesFor(marker, [
    own,
    ...others.filter(({ instance }) => instance !== own.instance),
  ]);
  const isOurs = preferredInstance(marker.path, candidates) === own.instance;
  return isOurs || nowMs - last.seenMs >= stealAfterMs(dispatcher);
}

/** One run's trouble is reported and waits for a change of its files; the others continue. */
async function advanceAlone(
  dispatcher: Dispatcher,
  marker: OpenMessage,
  others: readonly RunSummary[],
): Promise<void> {
  try {
    await advanceRun(dispatcher, marker, others);
  } catch (error) {
    if (error instanceof CrosstalkError && error.code !== 'INTERNAL') throw error;
    dispatcher.doors.log.alert('workflow.broken', {
      message: marker.path,
      reason: errorText(error),
      next: 'other runs continue; this one is retried when its files change',
    });
  }
}

async function advanceRun(
  dispatcher: Dispatcher,
  marker: OpenMessage,
  others: readonly RunSummary[],
): Promise<void> {
  const { state, doors, mirror } = dispatcher;
  const nowMs = doors.clock.monotonicMs();
  const before = state.workflows.runs.get(marker.path);
  state.workflows.runs.set(marker.path, {
    tree: before?.tree ?? null,
    seenMs: before?.seenMs ?? nowMs,
    askedMs: nowMs,
  });
  const view = { tip: mirror.index().tip, added: new Map<string, string>() };
  const input = await readInput(dispatcher, marker, { view, others });
  if (input === null) return;
  state.workflows.channelOf.set(marker.path, input.run);
  state.workflows.gates.set(marker.path, openGates(input));
  const memo = memoOf(dispatcher, marker);
  if ((await nextWithCache(cacheAt(dispatcher, view.tip), input, memo)) === null) return;
  state.workflows.advancing.add(marker.path);
  enqueue(dispatcher, {
    about: marker.path,
    transaction: workflowTransaction(dispatcher, marker),
    done: (outcome) => {
      state.workflows.advancing.delete(marker.path);
      if (outcome.kind === 'landed')
        doors.log.status('workflow.advanced', {
          run: input.run,
          message: marker.path,
          commits: outcome.commits.length,
        });
      const seen = state.workflows.runs.get(marker.path);
      if (seen !== undefined)
        state.workflows.runs.set(marker.path, { ...seen, askedMs: Number.NEGATIVE_INFINITY });
      return Promise.resolve();
    },
  });
}

function openGates({ files }: RunInput): readonly string[] {
  return [...files.keys()].flatMap((path) => {
    const asked = parseGatePath(path);
    return asked === null || files.has(asked.decision) ? [] : [asked.gate];
  });
}

/**
 * Decides on whatever tip it meets: the engine is asked again there, so a transition made for
 * another tip is never replayed.
 */
function workflowTransaction(dispatcher: Dispatcher, marker: OpenMessage): Transaction {
  return {
    name: `workflow ${marker.path}`,
    fences: [],
    decide: async (view) => {
      const drafts: CommitDraft[] = [];
      const added = new Map(view.added);
      const others = await summarizeRuns(dispatcher, view);
      for (let count = 0; count < TRANSITIONS_MAX; count += 1) {
        const input = await readInput(dispatcher, marker, {
          view: { tip: view.tip, added },
          others,
        });
        const next =
          input === null
            ? null
            : await nextWithCache(cacheAt(dispatcher, view.tip), input, memoOf(dispatcher, marker));
        if (input === null || next === null) break;
        for (const file of next.files) added.set(file.path, file.content);
        drafts.push(toDraft(dispatcher, input, next));
      }
      return drafts.length === 0 ? null : drafts;
    },
  };
}

function cacheAt({ doors, state }: Dispatcher, tip: Oid | null) {
  const { heardBy: trust } = state.trust;
  return { repository: doors.repository, tip, cache: state.workflows.answers, trust };
}

function toDraft(dispatcher: Dispatcher, input: RunInput, transition: Transition): CommitDraft {
  const { subject, text, trailers } = tellTransition(input, transition);
  const parts = [
    subject,
    ...(text === '' ? [] : [text]),
    formatTrailers([...trailers, ['Host', dispatcher.settings.alias]]),
  ];
  return {
    writes: transition.files,
    author: { name: 'workflow', email: 'workflow@crosstalk' },
    committer: dispatcherIdentity(dispatcher.settings.alias),
    atMs: dispatcher.doors.clock.wallMs(),
    message: parts.join('\n\n'),
  };
}

interface Seen {
  readonly view: Pick<TipView, 'tip' | 'added'>;
  /** The runs that are open at that view. */
  readonly others: readonly RunSummary[];
}

async function readInput(
  dispatcher: Dispatcher,
  marker: OpenMessage,
  { view, others }: Seen,
): Promise<RunInput | null> {
  const { settings, state, mirror } = dispatcher;
  const askable = whoCanBeAsked({
    transport: transportModels(mirror.modelsText() ?? ''),
    beats: refsUnder(state.refs, settings.refs.hosts).flatMap(
      ([, oid]) => parseBeat(state.records.get(oid)?.text ?? '') ?? [],
    ),
    here: { alias: settings.alias, models: state.models.serving.models },
  });
  return readRun(readerAt(dispatcher, marker, { view, askable, others }), marker);
}

/** What earlier folds of the run of a marker found. */
function memoOf({ state }: Dispatcher, marker: OpenMessage): FoldMemo {
  const memo = state.workflows.foldMemos.get(marker.path) ?? createFoldMemo();
  state.workflows.foldMemos.set(marker.path, memo);
  return memo;
}

/** All open runs, with what concurrency groups need to know of each other. */
async function summarizeRuns(
  dispatcher: Dispatcher,
  view: Pick<TipView, 'tip' | 'added'>,
): Promise<readonly RunSummary[]> {
  const markers = openMarkers(dispatcher);
  if (markers.length < 2) return [];
  const inputs = await Promise.all(
    markers.map((marker) =>
      readRun(readerAt(dispatcher, marker, { view, askable: NOBODY, others: [] }), marker),
    ),
  );
  return inputs.flatMap((input) => (input === null ? [] : [summarizeRun(input)]));
}

function readerAt(
  dispatcher: Dispatcher,
  marker: OpenMessage,
  seen: Seen & Pick<RunReader, 'askable'>,
): RunReader {
  const { doors, mirror, state } = dispatcher;
  const memory = state.workflows.runTexts.get(marker.path) ?? new Map<Oid, string>();
  state.workflows.runTexts.set(marker.path, memory);
  return {
    repository: doors.repository,
    view: seen.view,
    askable: seen.askable,
    summaries: seen.others,
    memory,
    memories: state.workflows.folderTexts,
    called: mirror.index().called,
    trust: state.trust.heardBy,
    nowMs: doors.clock.wallMs(),
  };
}
