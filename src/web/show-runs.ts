/**
 * Runs of workflows as the page gets them: the list, and one with its graph, its times and its
 * gates.
 */
import { oneLine } from '../base/plain-text.ts';
import { formatIso } from '../base/clock.ts';
import { readTextAt } from '../transport/read-text.ts';
import { messageId, runFiles } from '../protocol/paths.ts';
import { parseHeader } from '../workflow/run/header.ts';
import { tallies } from './tally.ts';
import { identifySender } from '../cli/talk/person.ts';
import { tipOf } from '../cli/look/reading.ts';
import { findRun, listMarkers, readMarkerRun, type RunSeen } from '../cli/look/runs.ts';
import { describeRunSeen, holdersOf } from '../cli/workflow/show.ts';
import { isOver, statusOf, waitsOf } from '../cli/look/why-run.ts';
import type { Invocation } from '../cli/command.ts';
import { needsPerson, tellReason } from '../protocol/remedy.ts';
import { sayReason } from '../protocol/say-reason.ts';
import { readQuestion } from '../workflow/run/ask-file.ts';
import type { Moment } from './desk.ts';

/** Runs in the list. */
const RUNS_MAX = 40;

/** Runs that are over do not change: what was said of them is kept, by the name of their marker. */
export type EndedRuns = Map<string, RunRow>;

type RunRow = ReturnType<typeof summaryOf>;

/** The open and recent runs, newest first. */
export async function showRuns({ around, session }: Moment, ended: EndedRuns) {
  const runs: RunRow[] = [];
  if (around.index.tip === null) return { runs, more: false };
  const at = { ...around, session };
  let count = 0;
  for await (const path of listMarkers(at, 'all')) {
    count += 1;
    if (count > RUNS_MAX) break;
    const known = ended.get(path);
    const seen = known === undefined ? await readMarkerRun(at, path) : null;
    const told = known ?? (seen === null ? null : summaryOf(at, seen));
    if (told === null) continue;
    if (seen !== null && isOver(seen) && seen.input.marker.reply !== null) ended.set(path, told);
    runs.push(told);
  }
  return { runs, more: count > RUNS_MAX };
}

function summaryOf(around: Moment['around'], seen: RunSeen) {
  const { input, view } = seen;
  const waits = isOver(seen) ? [] : waitsOf(around, seen);
  return {
    run: input.run,
    name: view.name,
    inputs: oneLine(
      inputsOf(seen)
        .map(({ name, text }) => `${name} ${text}`)
        .join(' · '),
      160,
    ),
    status: statusOf(around, seen),
    over: isOver(seen),
    from: input.marker.from,
    atMs: view.atMs,
    counts: view.counts,
    usd: view.budget?.usd ?? 0,
    needs: waits.filter(needsPerson).length,
    waits: waits[0] === undefined ? null : sayReason(waits[0]),
  };
}

/** One run. Throws NOT_FOUND and ID_AMBIGUOUS. */
export async function showRun(moment: Moment, invocation: Invocation, asked: string) {
  const { book, session } = moment;
  const around = { ...moment.around, session };
  const seen = await findRun(around, asked);
  const held = holdersOf(around, seen);
  const me = await whoAmI(moment, invocation);
  const { reply, ...told } = describeRunSeen(seen);
  const tasks = seen.view.tasks.map((task) => {
    const asks = book.entries.get(task.path);
    const answer = book.entries.get(task.reply);
    const endMs = answer?.atMs ?? null;
    return {
      ...task,
      id: messageId(task.path),
      askedMs: asks?.atMs ?? null,
      // A reply says how long its agent ran: before that the task waited.
      startMs:
        endMs === null || answer?.durationMs == null
          ? null
          : Math.max(asks?.atMs ?? 0, endMs - answer.durationMs),
      endMs,
      heldBy: held.get(task.path) ?? null,
    };
  });
  const gates = await showGates(moment, seen.view.gates, me);
  const votes = tallies(seen);
  return {
    ...told,
    steps: seen.view.steps.map((step) => ({ ...step, tally: votes.get(step.folder) ?? null })),
    inputs: inputsOf(seen),
    tasks,
    gates,
    status: statusOf(around, seen),
    over: isOver(seen),
    waits: waitsOf(around, seen).map(tellReason),
    answer: reply,
    markerId: messageId(seen.input.marker.path),
    atMs: seen.view.atMs,
    seen: formatIso(seen.view.atMs),
    me,
  };
}

/** Characters of one input that are shown. */
const INPUT_CHARS_MAX = 4_000;

/** What the run was given, as texts. */
function inputsOf({ input }: RunSeen): readonly { readonly name: string; readonly text: string }[] {
  const header = parseHeader(input.files.get(runFiles(input.run).header) ?? '');
  return Object.entries(header?.inputs ?? {}).map(([name, value]) => ({
    name,
    text: (typeof value === 'string' ? value : JSON.stringify(value)).slice(0, INPUT_CHARS_MAX),
  }));
}

/** Gates with their whole question, and whether it is for anyone who looks. */
export function showGates(moment: Moment, gates: RunSeen['view']['gates'], me: string | null) {
  return Promise.all(
    gates.map(async (gate) => ({
      ...gate,
      id: messageId(gate.path),
      asks: await questionAt(moment, gate.path),
      askedMs: moment.book.entries.get(gate.path)?.atMs ?? null,
      decidedMs: decidedAt(moment, gate),
      mine: me !== null && (gate.anyone || gate.approvers.includes(me)),
    })),
  );
}

/** When the last of those answered whose word made the decision. */
function decidedAt(
  { book }: Moment,
  { path, state, by }: RunSeen['view']['gates'][number],
): number | null {
  if (state === 'open') return null;
  const answers = book.threads().of.get(path)?.members ?? [];
  const times = answers.flatMap(({ from, re, atMs }) =>
    by.includes(from) && re.includes(path) ? [atMs] : [],
  );
  return times.length === 0 ? null : Math.max(...times);
}

/** The name that a change from the page would carry; null without one. */
export async function whoAmI({ session }: Moment, invocation: Invocation): Promise<string | null> {
  return identifySender(invocation, session).then(
    ({ name }) => name,
    () => null,
  );
}

async function questionAt({ session }: Moment, path: string): Promise<string> {
  const text = await readTextAt(session.repository, tipOf(session), path);
  return text === null ? '' : readQuestion(text).slice(0, 20_000);
}
