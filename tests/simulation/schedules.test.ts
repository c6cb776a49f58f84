/** Saved workflows by the clock, while hosts die, sleep and disagree about the time. */
import { expect, it } from 'vitest';
import { checkFirings, historyOf } from './invariants.ts';
import { sowFaults } from './faults.ts';
import { createHost, startProcess } from './host.ts';
import { tell } from './stories.ts';
import { commitAs, filesNow, foundTransport } from './people.ts';
import { drawsOf, type Plan, planOf } from './plan.ts';
import { isFiring } from '../../src/workflow/run/schedule.ts';
import { BRANCH, createWorld, type World } from './world.ts';

const MINUTE = 60_000;
const workflow = (name: string, on: string): readonly [string, string] => [
  `data/workflows/${name}.md`,
  `---\nname: ${name}\nmodel: opus\non: ${on}\nsteps:\n  one: { prompt: small }\n---\n`,
];
/** The least that may lie between two firings, minutes, and what else is promised. */
const SCHEDULES = new Map([
  ['often', { overlap: true, skips: false }],
  ['alone', { overlap: false, skips: false }],
  ['skips', { overlap: true, skips: true }],
]);
const FILES = [
  workflow('often', '{ schedule: "* * * * *", overlap: true }'),
  workflow('alone', '{ schedule: "*/2 * * * *" }'),
  workflow('skips', '{ schedule: "*/7 * * * *", catch-up: skip, overlap: true }'),
];

async function runSchedules(seed: number) {
  const plan: Plan = {
    ...planOf(seed, { markers: [] }),
    ...{ hosts: 3, actions: 0, rewrite: false, faultEveryMs: MINUTE, faultsUntilMs: 24 * MINUTE },
  };
  const world = createWorld(plan, () => undefined);
  foundTransport(world);
  commitAs(world, {
    writes: FILES.map(([path, content]) => ({ path, content })),
    message: 'schedules',
  });
  const hosts = Array.from({ length: plan.hosts }, (_, index) =>
    createHost(world, {
      ...{ name: `h${index}`, alias: `h${index}`, random: drawsOf(plan, `h${index}`) },
      ...{ serves: new Set(['opus']), concurrency: 2 },
    }),
  );
  for (const host of hosts) void startProcess(world, host);
  void sowFaults(world, hosts, (doors) => doors);
  void removeMarkers(world);
  void takeAway(world);
  await world.scheduler.run({ untilMs: 26 * MINUTE, eventsMax: 2_000_000, stop: () => false });
  world.end();
  const history = historyOf(world.remote, world.remote.refs.get(BRANCH) ?? null);
  return { ...checkFirings(history, SCHEDULES), removed: world.coverage.get('people remove') ?? 0 };
}

/** The remote is away for so long that times are missed. */
async function takeAway({ scheduler, remote }: World): Promise<void> {
  for (const awayMs of [4 * MINUTE, 7 * MINUTE]) {
    await scheduler.wait(null, 5 * MINUTE, 'timer').done;
    // An outage of the faults may end this one: it is begun again.
    for (const endMs = scheduler.nowMs() + awayMs; scheduler.nowMs() < endMs;) {
      remote.setReachable(false);
      await scheduler.wait(null, 1_000, 'timer').done;
    }
    remote.setReachable(true);
  }
}

/** Somebody removes or moves markers: their times are over all the same. */
async function removeMarkers(world: World): Promise<void> {
  const random = drawsOf(world.plan, 'removals');
  for (; world.scheduler.nowMs() < world.plan.faultsUntilMs;) {
    await world.scheduler.wait(null, random.int(20_000, 90_000), 'timer').done;
    const markers = [...filesNow(world)].filter(
      ([path]) => isFiring(path) && !path.includes('.re.'),
    );
    const last = markers.at(-1);
    if (last === undefined || random.chance(0.5)) continue;
    const [path, content] = last;
    const to = path.replace(/([^/]+)$/, 'moved-$1');
    const writes = random.chance(0.5) ? [{ path: to, content }] : [];
    world.count('people remove');
    commitAs(world, { writes, removes: [path], message: `removes ${path}` });
  }
}

it('no time fires twice, none fires late with catch-up: skip, and runs do not overlap', async () => {
  const all = [await runSchedules(1), await runSchedules(2)];
  expect(all.flatMap(({ problems }) => problems)).toEqual([]);
  const sum = (key: 'fired' | 'late' | 'removed'): number =>
    all.reduce((total, one) => total + one[key], 0);
  // What the promise is about has happened: often, after an outage, and with markers taken away.
  expect(sum('fired')).toBeGreaterThan(20);
  expect(sum('late')).toBeGreaterThan(0);
  expect(sum('removed')).toBeGreaterThan(5);
});

it('a commit that claims future times have fired blocks no schedule', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 100 }), { hosts: 1 });
  story.say(Object.fromEntries([workflow('often', '{ schedule: "* * * * *", overlap: true }')]));
  commitAs(story.world, {
    writes: [{ path: 'data/note.txt', content: 'x' }],
    message: 'forged\n\nCrosstalk-Slot: often 2999-01-01T00:00:00.000Z\n',
  });
  await story.pass(3 * MINUTE);
  expect([...story.files().keys()].filter(isFiring)).not.toEqual([]);
});

it('a time never comes again: thousands of commits after its marker was removed, or with a file that was away', async () => {
  const story = tell(() => ({ kind: 'answer', ms: 100 }), { hosts: 1 });
  const [path, text] = workflow('hourly', '{ schedule: "*/30 * * * *", overlap: true }');
  story.say({ [path]: text });
  const fired: string[] = [];
  const markers = (): readonly string[] =>
    [...story.files().keys()].filter((file) => isFiring(file) && !file.includes('.re.'));
  const pass = async (minutes: number): Promise<void> => {
    await story.pass(minutes * MINUTE);
    fired.push(...markers());
    story.say({ 'data/note.txt': String(fired.length) }, markers());
  };
  await pass(31);
  for (let count = 0; count < 2_100; count += 1) story.say({ 'data/note.txt': `x${count}` });
  await pass(5);
  expect(fired).toHaveLength(1);
  story.say({}, [path]);
  await pass(30);
  story.say({ [path]: text });
  await pass(10);
  expect(fired).toHaveLength(1);
  await pass(30);
  expect(fired).toHaveLength(2);
});
