/** Many seeds judged together: what went wrong, how to see it again, and what was never tried. */
import { FAULTS, type Plan, planOf, type Smaller, smallerThan } from './plan.ts';
import { runSeed, type SeedResult } from './run-seed.ts';

/** What many seeds showed. */
export interface Judgement {
  /**
   * For each seed that failed: the replay, its first problems, and what is left of it when it is
   * made small.
   */
  readonly failures: readonly string[];
  readonly coverage: ReadonlyMap<string, number>;
}

const SHOWN = 5;
const SHRINK_RUNS_MAX = 80;

/**
 * Everything that some seed has to exercise: every fault, and every branch in the life of a claim.
 */
export const MUST_HAPPEN: readonly string[] = [
  ...FAULTS.filter((fault) => fault !== 'crash').map((fault) => `fault ${fault}`),
  'fault crash before',
  'fault crash after',
  'late push landed',
  'message.claimed',
  'claim.lost',
  'claim.released',
  'claim.refused',
  'claim.removed',
  'claim.taken-over own',
  "claim.taken-over another's",
  'host.lost gave-up',
  'host.lost outcome-unknown',
  'reply.published answered',
  'reply.published failed',
  'reply.late answered by hand',
  'reply.late the claim was taken over',
  'publish.retried',
  'publish.refused',
  'publish.broken',
  'attempt.stopped answered',
  'attempt.stopped claim-lost',
  'attempt.stopped lease-lapsed',
  'attempt.stopped shutdown',
  'attempt.broken',
  'outbox.resumed',
  'outbox.unwritable',
  'recover reaped',
  'model.parked',
  'beat.failed',
  'remote.unreachable',
  'host.alias-twice',
  'host.forgotten',
  'checkpoint.unwritten',
  ...[
    'open',
    'compile',
    'plan',
    'fanout',
    'next pass',
    'synthesize',
    'retry',
    're-ask',
    'skip',
    'first',
    'fail-fast',
    'ask',
    'decide (approve)',
    'decide (deny)',
    'decide (choice)',
    'signal',
    'child',
    'undo',
    'wait',
    'admit',
    'budget hold',
    'budget',
    'fail step',
    'pause',
    'resume',
    'cancel',
    'amend',
    'control (refused)',
    'follow (unsafe)',
    'fail (not started)',
    'route (succeeded)',
    'route (degraded)',
    'route (failed)',
    'route (cancelled)',
    'route (dropped)',
  ].map((transition) => `workflow ${transition}`),
];

/**
 * Runs seeds one after the other. Stops shrinking after the first failure: one is enough to begin
 * with.
 */
export async function judgeSeeds(seeds: Iterable<number>): Promise<Judgement> {
  const failures: string[] = [];
  const coverage = new Map<string, number>();
  for (const seed of seeds) {
    const result = await runSeed(planOf(seed));
    for (const [what, count] of result.coverage)
      coverage.set(what, (coverage.get(what) ?? 0) + count);
    if (result.problems.length > 0 && failures.length < SHOWN)
      failures.push(await describeFailure(result, failures.length === 0));
  }
  return { failures, coverage };
}

/** What to print of a seed that failed. */
export async function describeFailure(result: SeedResult, shrink: boolean): Promise<string> {
  const small = shrink ? await shrinkPlan(result.plan) : result.plan;
  const still = await runSeed(small);
  const size = `${small.hosts} hosts, ${small.actions} actions, faults: ${[...small.faults].join(', ')}`;
  return [
    `SEED=${result.plan.seed} npx vitest run tests/simulation`,
    ...result.problems.slice(0, SHOWN).map((problem) => `  ${problem}`),
    `  smaller (${size}):`,
    ...still.problems.slice(0, 2).map((problem) => `    ${problem}`),
    ...(shrink ? still.trace.slice(-60).map((line) => `    | ${line}`) : []),
  ].join('\n');
}

/** The smallest plan of the same seed that still fails, as far as a few tries find it. */
async function shrinkPlan(plan: Plan): Promise<Plan> {
  let current = plan;
  let runs = 0;
  const fails = async (smaller: Smaller): Promise<Plan | null> => {
    runs += 1;
    const candidate = planOf(plan.seed, smaller);
    return (await runSeed(candidate)).problems.length > 0 ? candidate : null;
  };
  for (let found = true; found && runs < SHRINK_RUNS_MAX;) {
    found = false;
    for (const smaller of smallerThan(current)) {
      const failing = runs < SHRINK_RUNS_MAX ? await fails(smaller) : null;
      if (failing === null) continue;
      current = failing;
      found = true;
      break;
    }
  }
  return current;
}
