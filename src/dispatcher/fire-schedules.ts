/**
 * Starts saved workflows by the clock. The first host to notice writes the marker; its path is
 * derived from the due time, so the other hosts find it there. Costs one look-up per tick, and
 * reads files only when data/workflows changed.
 */
import { HOUR, MINUTE } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { dispatcherIdentity } from '../protocol/reply.ts';
import { WORKFLOWS } from '../protocol/paths.ts';
import { formatTrailers, readTrailers } from '../protocol/trailers.ts';
import {
  dueFiring,
  type Firing,
  isFiring,
  isFiringOf,
  parseSlot,
} from '../workflow/run/schedule.ts';
import { readSource } from '../workflow/language/source.ts';
import type { TipView } from '../transport/transaction.ts';
import { readFolder } from '../transport/read-folder.ts';
import type { Repository } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Scheduled } from './notes.ts';
import { enqueue } from './post.ts';
import { hear, isHost, requires, type Trust } from '../protocol/trust.ts';
import { formatSubject } from '../protocol/subject.ts';
import { isHeard } from './signed-file.ts';
import { trustNow } from './in-force.ts';

/** Commits that are searched for firings of which the marker is gone: at first, and at most. */
const SLOTS = { first: 2_000, most: 65_536 } as const;
/** After this many commits in a row that are older than a time, all others are taken to be. */
const OLDER_MIN = 50;
/** Clocks of hosts differ by less. */
const AHEAD_MS = HOUR;
/** Markers written in one look: what is more waits for the next one. */
const FIRINGS_MAX = 8;
/** Runs of schedules that are open at a time: beyond it firings wait, and people do not. */
const OPEN_MAX = 32;

/** Publishes the markers of firings that are due and that nobody has written yet. */
export async function fireSchedules(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  if (tip === null || state.host.mode !== 'running') return;
  const [folder] = await doors.repository.lookUp(tip, [WORKFLOWS]);
  const tree = folder?.kind === 'tree' ? folder.oid : null;
  const nowMs = doors.clock.wallMs();
  const trust = await trustNow(dispatcher);
  const { schedules } = state.workflows;
  const isKnown = schedules.tree === tree && schedules.trust === trust;
  if (isKnown && nowMs < schedules.nextMs) return;
  const entries = isKnown ? schedules.entries : await readSchedules(dispatcher, tip, trust);
  let room = Math.min(FIRINGS_MAX, OPEN_MAX - openFirings(dispatcher).length);
  const fired = new Set<Scheduled>();
  let isLeft = false;
  for (const entry of entries) {
    isLeft = room <= 0;
    if (isLeft) break;
    const due = await firingAt(dispatcher, entry, {
      tip,
      lookUp: (paths) => doors.repository.lookUp(tip, paths),
    });
    if (due === null || state.workflows.firing.has(entry.name)) continue;
    fire(dispatcher, entry);
    fired.add(entry);
    room -= 1;
  }
  // Those that have had their turn come last, so that the others get theirs.
  const turns = [...entries.filter((entry) => !fired.has(entry)), ...fired];
  const nextMs = isLeft ? 0 : (Math.floor(nowMs / MINUTE) + 1) * MINUTE;
  state.workflows.schedules = { tree, trust, entries: turns, nextMs };
}

function openFirings({ mirror }: Dispatcher): readonly string[] {
  return [...mirror.index().messages.values()].flatMap(({ path, recipients }) =>
    isFiring(path) && recipients.length > 0 ? [path] : [],
  );
}

function fire(dispatcher: Dispatcher, entry: Scheduled): void {
  const { state, doors, settings } = dispatcher;
  state.workflows.firing.add(entry.name);
  enqueue(dispatcher, {
    about: entry.name,
    transaction: {
      name: `schedule ${entry.name}`,
      fences: [],
      decide: async (view) => {
        const due = await firingAt(dispatcher, entry, view);
        if (due === null) return null;
        const trailers = formatTrailers([
          ['Slot', due.slot],
          ['Host', settings.alias],
        ]);
        const message = `${formatSubject(`schedule → workflow: ${entry.name}`)}\n\n${trailers}`;
        const author = { name: 'schedule', email: 'schedule@crosstalk' };
        return [
          {
            writes: [{ path: due.path, content: due.content }],
            author,
            committer: dispatcherIdentity(settings.alias),
            atMs: doors.clock.wallMs(),
            message,
          },
        ];
      },
    },
    done: (outcome) => {
      state.workflows.firing.delete(entry.name);
      if (outcome.kind === 'landed') doors.log.status('schedule.fired', { workflow: entry.name });
      return Promise.resolve();
    },
  });
}

/** The marker that is due at a tip, or null. */
async function firingAt(
  dispatcher: Dispatcher,
  entry: Scheduled,
  view: Pick<TipView, 'tip' | 'lookUp'>,
): Promise<Firing | null> {
  const { doors } = dispatcher;
  const asked = {
    ...entry,
    nowMs: doors.clock.wallMs(),
    isOpen: openFirings(dispatcher).some((path) => isFiringOf(path, entry.name)),
  };
  const due = dueFiring({ ...asked, lastSlotMs: null });
  if (due === null) return null;
  const [standing] = await view.lookUp([due.path]);
  if (standing != null) return null;
  // The marker may have been moved or removed since: the history remembers that it was fired.
  const sinceMs = (parseSlot(due.slot, entry.name) ?? 0) - AHEAD_MS;
  const lastSlotMs = await lastSlot(dispatcher, view.tip, { ...asked, sinceMs });
  return dueFiring({ ...asked, lastSlotMs });
}

/**
 * The latest time that a workflow was fired for, as the commits since `sinceMs` say. Anyone who can
 * push can write a time that is far ahead, or, where hosts must sign, any.
 */
async function lastSlot(
  dispatcher: Dispatcher,
  tip: Oid | null,
  { name, nowMs, sinceMs }: Omit<Scheduled, 'text'> & { readonly nowMs: number },
): Promise<number | null> {
  if (tip === null) return null;
  const { repository } = dispatcher.doors;
  const known = KNOWN.get(repository);
  const isKnown = known?.tip === tip && known.sinceMs <= sinceMs;
  const slots = isKnown ? known.slots : await readSlots(repository, tip, sinceMs);
  if (!isKnown) KNOWN.set(repository, { tip, sinceMs, slots });
  const times = slots.flatMap(({ slot, commit }) => {
    const ms = parseSlot(slot, name);
    return ms === null || ms > nowMs + AHEAD_MS ? [] : [{ ms, commit }];
  });
  const trust = await trustNow(dispatcher);
  const isSigned = trust !== undefined && requires(trust, 'hosts');
  for (const { ms, commit } of times.sort((a, b) => b.ms - a.ms))
    if (!isSigned || isHost(hear(await repository.readSigned(commit), trust.signers))) return ms;
  return null;
}

interface Slot {
  readonly slot: string;
  readonly commit: Oid;
}

async function readSlots(
  repository: Repository,
  tip: Oid,
  sinceMs: number,
): Promise<readonly Slot[]> {
  let max: number = SLOTS.first;
  let commits = await repository.history({ from: null, to: tip, max });
  const mayBeMore = (): boolean =>
    commits.length === max &&
    max < SLOTS.most &&
    commits.slice(-OLDER_MIN).some(({ authoredMs }) => authoredMs >= sinceMs);
  while (mayBeMore()) {
    max *= 4;
    commits = await repository.history({ from: null, to: tip, max });
  }
  return commits.flatMap(({ message, oid: commit }) =>
    readTrailers(message, 'Slot').map((slot) => ({ slot, commit })),
  );
}

/** What the history of one tip says, asked for by every workflow that is due there. */
const KNOWN = new WeakMap<
  Repository,
  { readonly tip: Oid; readonly sinceMs: number; readonly slots: readonly Slot[] }
>();

async function readSchedules(
  { doors }: Dispatcher,
  tip: Oid,
  trust: Trust | undefined,
): Promise<readonly Scheduled[]> {
  const files = await readFolder(doors.repository, { commit: tip, folder: WORKFLOWS }, new Map());
  const paths = [...files].flatMap(([path, text]) =>
    readSource(text).raw['on'] === undefined ? [] : [path],
  );
  const writers = await doors.repository.findWriters(paths, tip);
  const adding = await doors.repository.findAddingCommits(paths, { from: null, to: tip });
  const isSigned = trust !== undefined && requires(trust, 'schedules');
  const entries: Scheduled[] = [];
  for (const path of paths) {
    const name = /^data\/workflows\/([a-z0-9][a-z0-9._-]*)\.md$/.exec(path)?.[1];
    if (name === undefined) continue;
    const writer = writers.get(path);
    if (isSigned && !isHeard(writer?.signed ?? null, trust, 'models')) {
      doors.log.warning('file.unsigned', {
        path,
        next: 'nobody known here signed this version; its schedule does not start it',
      });
      continue;
    }
    // A schedule that was changed at ten does not fire for nine.
    const written = writer === undefined ? null : await doors.repository.readCommit(writer.commit);
    const sinceMs = (written ?? adding.get(path))?.authoredMs ?? 0;
    entries.push({ name, text: files.get(path) ?? '', sinceMs });
  }
  return entries;
}
