/**
 * `crosstalkd workflow show`: the graph of a run with state, model, host, time and cost of each
 * task, now or at any commit.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import { formatIso } from '../../base/clock.ts';
import { CrosstalkError } from '../../base/errors.ts';
import { type Oid, parseOid } from '../../base/ids.ts';
import { type Invocation, option } from '../command.ts';
import { type Surroundings, withSurroundings } from '../look/look-around.ts';
import { printGood, tipOf, wantsJson } from '../look/reading.ts';
import { drawRun, tasksOfStep } from '../look/draw-run.ts';
import { findRun, type RunSeen } from '../look/runs.ts';
import { standingsOf, statusOf, waitsOf } from '../look/why-run.ts';
import { tellReason } from '../../protocol/remedy.ts';
import { gitOf } from '../session/transport-session.ts';

/** Draws one run. */
export function showRun(invocation: Invocation): Promise<number> {
  return withSurroundings(invocation, async (around) => {
    const commit = option(invocation, 'at');
    const at = commit === null ? null : await resolveCommit(around, commit);
    const seen = await findRun(around, invocation.args[0] ?? '', at);
    const status = at === null ? statusOf(around, seen) : seen.view.status;
    const waits = at === null ? waitsOf(around, seen) : [];
    if (wantsJson(invocation))
      printGood(invocation, {
        ...snakeKeys(describeRunSeen(seen)),
        // What people wrote keeps its keys.
        gates: seen.view.gates.map(({ schema, ...gate }) => ({ ...snakeKeys(gate), schema })),
        status,
        at: at ?? tipOf(around.session),
        blocked_by: waits.map(tellReason),
      });
    else {
      const held = at === null ? holdersOf(around, seen) : new Map<string, string>();
      for (const line of drawRun(invocation.io, { seen, status, waits, held }))
        invocation.io.print(line);
    }
    return 0;
  });
}

/**
 * The commit that a person means by any name git knows. Throws NOT_FOUND when it is not below the
 * branch.
 */
export async function resolveCommit({ session }: Surroundings, text: string): Promise<Oid> {
  const git = gitOf(session);
  try {
    const name = /^HEAD\b/.test(text) ? text.replace(/^HEAD/, tipOf(session)) : text;
    const found = await git.run({
      args: ['rev-parse', '--verify', '--quiet', '--end-of-options', `${name}^{commit}`],
    });
    const oid = parseOid(found.stdout.toString('utf8').trim());
    if (oid !== null && (await session.repository.isAncestor(oid, tipOf(session)))) return oid;
  } finally {
    await git.close();
  }
  throw new CrosstalkError('NOT_FOUND', `"${text}" is not a commit of branch ${session.branch}`, {
    fix: 'git log --oneline',
  });
}

/** Path of an open task → the host that works on it. */
export function holdersOf(around: Surroundings, seen: RunSeen): ReadonlyMap<string, string> {
  const standings = standingsOf(around, seen);
  return new Map(
    around.works.flatMap((work) => {
      const claim = around.claims.get(work.key)?.claim;
      const stands = standings.get(work.message.path);
      if (claim == null || stands === undefined) return [];
      return [
        [
          work.message.path,
          stands.kind === 'holder-silent' ? `${claim.alias} (silent)` : claim.alias,
        ] as const,
      ];
    }),
  );
}

/** A run as one object, as `--json` prints it. */
export function describeRunSeen({ input, view }: RunSeen) {
  const { marker } = input;
  return {
    run: input.run,
    name: view.name,
    marker: marker.path,
    from: marker.from,
    started: formatIso(view.atMs),
    steps: view.steps.map((step) => ({ ...step, tasks: tasksOfStep(view.tasks, step) })),
    tasks: view.tasks,
    gates: view.gates,
    counts: view.counts,
    budget: view.budget,
    reply: marker.reply,
  };
}
