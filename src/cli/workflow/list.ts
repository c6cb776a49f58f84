/**
 * `crosstalkd workflow list`: runs, the open ones first, each with its status and what it waits
 * for.
 */
import { formatIso, systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { given, type Invocation } from '../command.ts';
import { formatTable } from '../../base/display-width.ts';
import { paint, plain } from '../io.ts';
import { type Surroundings, withSurroundings } from '../look/look-around.ts';
import { countOption, printGood, wantsJson } from '../look/reading.ts';
import { isOver, statusOf, waitsOf } from '../look/why-run.ts';
import { listMarkers, readMarkerRun, type RunSeen } from '../look/runs.ts';
import { tellReason } from '../../protocol/remedy.ts';
import { sayReason, sayStatus } from '../../protocol/say-reason.ts';

const RUNS_SHOWN = 20;

/** Lists runs. Exit 3 when there is none. */
export function listRuns(invocation: Invocation): Promise<number> {
  const max = countOption(invocation, 'number', RUNS_SHOWN);
  return withSurroundings(invocation, async (around) => {
    const runs: RunSeen[] = [];
    for await (const path of listMarkers(around, given(invocation, 'open') ? 'open' : 'all')) {
      const seen = await readMarkerRun(around, path);
      if (seen !== null && !(given(invocation, 'open') && isOver(seen))) runs.push(seen);
      if (runs.length >= max) break;
    }
    print(invocation, around, runs);
    return runs.length === 0 ? 3 : 0;
  });
}

function print(invocation: Invocation, around: Surroundings, runs: readonly RunSeen[]): void {
  const { io } = invocation;
  const told = runs.map((seen) => ({
    seen,
    status: statusOf(around, seen),
    waits: isOver(seen) ? [] : waitsOf(around, seen),
  }));
  if (wantsJson(invocation)) {
    const list = told.map(({ seen: { input, view }, status, waits }) => ({
      run: input.run,
      name: view.name,
      status,
      marker: input.marker.path,
      from: input.marker.from,
      at: formatIso(view.atMs),
      counts: view.counts,
      usd: view.budget?.usd ?? 0,
      blocked_by: waits.map(tellReason),
    }));
    printGood(invocation, { runs: list });
    return;
  }
  const none = given(invocation, 'open') ? 'no run is open' : 'no runs';
  if (runs.length === 0) io.print(`${none}: crosstalkd workflow run <file|name>`);
  const rows = told.map(({ seen: { input, view }, status, waits }) => [
    input.run,
    sayStatus(status),
    `${view.counts.succeeded}/${Object.values(view.counts).reduce((sum, count) => sum + count, 0)}`,
    formatDuration(Math.max(0, systemClock.wallMs() - view.atMs)),
    plain(waits[0] === undefined ? '' : sayReason(waits[0])),
  ]);
  if (rows.length > 0)
    for (const [at, line] of formatTable(
      [['run', 'status', 'tasks', 'age', 'waits for'], ...rows],
      io.columns,
    ).entries())
      io.print(at === 0 ? paint(io, 'dim', line) : line);
}
