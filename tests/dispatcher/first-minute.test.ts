/**
 * Hosts that were started together do not see each other yet: each leaves the others their part of
 * the reads until it has looked for a minute.
 */
import { expect, it } from 'vitest';
import type { Doors } from '../../src/dispatcher/dispatcher.ts';
import { createHost, startProcess } from '../simulation/host.ts';
import { foundTransport } from '../simulation/people.ts';
import { drawsOf, type Plan, QUIET } from '../simulation/plan.ts';
import { BRANCH, createWorld } from '../simulation/world.ts';
import { BEGINNING_MS } from '../support/manual-clock.ts';

const PLAN: Plan = { ...QUIET, seed: 11, hosts: 1 };

it('a host that sees no other reads as one of eight for a minute, then as the only one', async () => {
  const world = createWorld(PLAN, () => undefined);
  foundTransport(world);
  const ada = { name: 'Ada', email: 'ada@example.org' };
  const tip = world.remote.refs.get(BRANCH);
  const paced = world.remote.commit(tip === undefined ? [] : [tip], {
    writes: [{ path: 'data/transport.yaml', content: 'pace: hosted\n' }],
    ...{ author: ada, committer: ada, atMs: BEGINNING_MS, message: 'pace' },
  });
  world.remote.setRef(BRANCH, paced);
  const who = { name: 'h0', alias: 'h0', random: drawsOf(PLAN, 'h0'), serves: new Set(['opus']) };
  const host = createHost(world, { ...who, concurrency: 2, once: false });
  const seen: Doors[] = [];
  void startProcess(world, host, (doors) => {
    seen.push(doors);
    return doors;
  });
  const gapAfter = async (ms: number): Promise<number | undefined> => {
    await world.scheduler.run({ untilMs: ms, eventsMax: 100_000, stop: () => false });
    return seen[0]?.spacing.gapMs;
  };
  expect(await gapAfter(30_000)).toBe(1_500);
  expect(await gapAfter(150_000)).toBe(187.5);
});
