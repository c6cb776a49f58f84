/**
 * Saved workflows that start by the clock. Whichever host looks first writes the marker; its path
 * is derived from the time that was due, so all the others find it there. Costs one look-up a tick,
 * and reads files only when data/workflows changed.
 */
import { formatTrailers } from '../protocol/trailers.ts';
import { MINUTE } from '../base/clock.ts';
import type { Oid } from '../base/ids.ts';
import { oneLine } from '../base/plain-text.ts';
import { dispatcherIdentity } from '../protocol/reply.ts';
import { WORKFLOWS } from '../protocol/paths.ts';
import { dueFiring } from '../workflow/run/schedule.ts';
import { readSource } from '../workflow/language/source.ts';
import type { NewFile } from '../workflow/run/run-input.ts';
import type { TipView } from '../transport/publish.ts';
import { readFolder } from '../transport/read-folder.ts';
import type { Repository } from '../transport/repository.ts';
import type { Dispatcher } from './dispatcher.ts';
import type { Scheduled } from './state.ts';
import { enqueue } from './post.ts';

/** Commits that are searched for the one that gave a workflow its present form. */
const HISTORY_MAX = 5_000;

/** Publishes the markers of firings that are due and that nobody has written yet. */
export async function fireSchedules(dispatcher: Dispatcher): Promise<void> {
  const { state, mirror, doors } = dispatcher;
  const { tip } = mirror.index();
  if (tip === null || state.host.mode !== 'running') return;
  const [folder] = await doors.repository.lookUp(tip, [WORKFLOWS]);
  const tree = folder?.kind === 'tree' ? folder.oid : null;
  const nowMs = doors.clock.wallMs();
  if (state.workflows.schedules.tree === tree && nowMs < state.workflows.schedules.nextMs) return;
  const entries =
    state.workflows.schedules.tree === tree
      ? state.workflows.schedules.entries
      : await readSchedules(dispatcher, tip);
  state.workflows.schedules = { tree, entries, nextMs: (Math.floor(nowMs / MINUTE) + 1) * MINUTE };
  for (const entry of entries) {
    const due = await firingAt(dispatcher, entry, {
      tip,
      lookUp: (paths) => doors.repository.lookUp(tip, paths),
    });
    if (due !== null) fire(dispatcher, entry);
  }
}

function fire(dispatcher: Dispatcher, entry: Scheduled): void {
  const { state, doors, settings } = dispatcher;
  if (state.workflows.firing.has(entry.name)) return;
  state.workflows.firing.add(entry.name);
  enqueue(dispatcher, {
    about: entry.name,
    transaction: {
      name: `schedule ${entry.name}`,
      fences: [],
      decide: async (view) => {
        const due = await firingAt(dispatcher, entry, view);
        if (due === null) return null;
        const message = `${oneLine(`schedule → workflow: ${entry.name}`, 100)}\n\n${formatTrailers([['Host', settings.alias]])}`;
        const author = { name: 'schedule', email: 'schedule@crosstalk' };
        return [
          {
            writes: [due],
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
): Promise<NewFile | null> {
  const { mirror, doors } = dispatcher;
  const options = {
    models: mirror.index().models,
    served: new Map<string, readonly string[]>(),
    savedWorkflow: () => null,
    schemaFile: () => null,
  };
  const due = dueFiring({ ...entry, nowMs: doors.clock.wallMs(), exists: () => false, options });
  if (due === null) return null;
  const [standing] = await view.lookUp([due.path]);
  return standing == null ? due : null;
}

async function readSchedules({ doors }: Dispatcher, tip: Oid): Promise<readonly Scheduled[]> {
  const files = await readFolder(doors.repository, { commit: tip, folder: WORKFLOWS }, new Map());
  const entries: Scheduled[] = [];
  for (const [path, text] of files) {
    const name = /^data\/workflows\/([a-z0-9][a-z0-9._-]*)\.md$/.exec(path)?.[1];
    if (name === undefined || readSource(text).raw['on'] === undefined) continue;
    entries.push({ name, text, sinceMs: await presentSince(doors.repository, tip, path) });
  }
  return entries;
}

/** When the file got the form it has: a schedule that was changed at ten does not fire for nine. */
async function presentSince(repository: Repository, tip: Oid, path: string): Promise<number> {
  const commits = await repository.history({ from: null, to: tip, max: HISTORY_MAX });
  const blobAt = async (commit: Oid): Promise<Oid | null> =>
    (await repository.lookUp(commit, [path]))[0]?.oid ?? null;
  const now = await blobAt(tip);
  let [low, high] = [0, Math.max(0, commits.length - 1)];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const commit = commits[middle];
    if (commit !== undefined && (await blobAt(commit.oid)) === now) high = middle;
    else low = middle + 1;
  }
  return commits[low]?.authoredMs ?? 0;
}
