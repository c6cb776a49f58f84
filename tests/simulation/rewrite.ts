/**
 * A branch that is wound back while hosts work: everybody stops by himself, and continues when a
 * person says so.
 */
import { acceptRewrite } from '../../src/dispatcher/control-host.ts';
import { createHost, type Host, startProcess, type Tamper } from './host.ts';
import { act, foundTransport } from './people.ts';
import { drawsOf, type Plan } from './plan.ts';
import { BRANCH, createWorld, type World } from './world.ts';

/** What was seen of a rewrite. */
export interface RewriteResult {
  readonly problems: readonly string[];
  readonly startedBefore: number;
}

const REWRITE_MS = 60_000;
/** A look, and a claim that was already won, may still come after it. */
const NOTICED_MS = 25_000;

/** Runs a plan without faults, winds the branch back after a minute, and accepts that later. */
export async function runRewrite(
  plan: Plan,
  tamper: Tamper = (doors) => doors,
): Promise<RewriteResult> {
  const world = createWorld({ ...plan, faults: new Set() }, () => undefined);
  foundTransport(world);
  const hosts = Array.from({ length: 3 }, (_, index) =>
    createHost(world, {
      name: `h${index}`,
      alias: `h${index}`,
      random: drawsOf(plan, `h${index}`),
      serves: new Set(['opus', 'sonnet', 'mailer', 'backup', 'solo']),
      concurrency: 2,
    }),
  );
  for (const host of hosts) void startProcess(world, host, tamper);
  for (let number = 0; number < 8; number += 1) act(world, hosts, number);
  await pass(world, REWRITE_MS);
  const startedBefore = world.runs.length;
  const lost = windBack(world);
  for (let number = 8; number < 12; number += 1) act(world, hosts, number);
  const tip = world.remote.refs.get(BRANCH);
  await pass(world, NOTICED_MS);
  const startedMeanwhile = world.runs.length;
  await pass(world, 120_000);
  const problems = [
    ...hosts.flatMap(({ name, process }) =>
      process?.dispatcher.state.host.halted == null ? [`${name} has not halted`] : [],
    ),
    ...(world.runs.length > startedMeanwhile
      ? ['programs are started although the branch was wound back']
      : []),
    ...(world.remote.refs.get(BRANCH) === tip
      ? []
      : ['a host has pushed to a branch that was wound back']),
    ...(lost === undefined ? ['nothing was wound back'] : []),
    ...(await acceptEverywhere(world, hosts)),
  ];
  return { problems, startedBefore };
}

async function pass(world: World, ms: number): Promise<void> {
  await world.scheduler.run({
    untilMs: world.scheduler.nowMs() + ms,
    eventsMax: 1_000_000,
    stop: () => false,
  });
}

function windBack(world: World): string | undefined {
  const tip = world.remote.refs.get(BRANCH);
  const parent = tip === undefined ? undefined : world.remote.commitInfo(tip)?.parents[0];
  world.remote.setRef(BRANCH, parent ?? null);
  return parent;
}

/** After a person has looked, the work that is open on the new branch is done. */
async function acceptEverywhere(world: World, hosts: readonly Host[]): Promise<readonly string[]> {
  const before = world.runs.length;
  for (const { process } of hosts) if (process !== null) void acceptRewrite(process.dispatcher);
  await pass(world, 300_000);
  const halted = hosts
    .filter(({ process }) => process?.dispatcher.state.host.halted != null)
    .map(({ name }) => `${name} stays halted`);
  return world.runs.length > before
    ? halted
    : [...halted, 'nothing is started after the rewrite was accepted'];
}
