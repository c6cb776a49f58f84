/**
 * Faults that come on their own at seeded times: kills and restarts of every kind, frozen and
 * disconnected hosts, clocks that jump.
 */
import { copyMemoryDisk, createMemoryDisk } from '../support/memory-local-state.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import { createHost, type Host, killProcess, startProcess, type Tamper } from './host.ts';
import { meddle } from './meddler.ts';
import { drawsOf, type Fault } from './plan.ts';
import { BRANCH, REFS, type World } from './world.ts';

const HOSTS_MAX = 8;

interface Scene {
  readonly world: World;
  readonly hosts: Host[];
  readonly host: Host;
  readonly random: SeededRandom;
}

/** Lets faults happen until their time is over; what was killed is started again. */
export async function sowFaults(world: World, hosts: Host[], tamper: Tamper): Promise<void> {
  const random = drawsOf(world.plan, 'faults');
  const kinds = [...world.plan.faults].filter((fault) => SCHEDULED[fault] !== undefined);
  void superviseAll(world, hosts, tamper);
  while (kinds.length > 0) {
    await pass(world, random.next() * 2 * world.plan.faultEveryMs);
    if (world.scheduler.nowMs() >= world.plan.faultsUntilMs) return;
    const fault = random.pick(kinds);
    const host = random.pick(hosts);
    world.count(`fault ${fault}`);
    world.scheduler.trace(`fault ${fault} at ${host.name}`);
    SCHEDULED[fault]?.({ world, hosts, host, random });
  }
}

/** Starts again whatever is not running, after a while. */
async function superviseAll(world: World, hosts: readonly Host[], tamper: Tamper): Promise<void> {
  const random = drawsOf(world.plan, 'supervisor');
  const waiting = new Set<Host>();
  for (;;) {
    await pass(world, 500);
    for (const host of hosts) {
      if (host.process !== null || waiting.has(host) || world.isOver()) continue;
      waiting.add(host);
      const calm = world.scheduler.nowMs() >= world.plan.faultsUntilMs;
      void pass(
        world,
        calm ? 500 : random.chance(0.3) ? random.int(20_000, 90_000) : random.int(100, 8_000),
      ).then(() => {
        waiting.delete(host);
        void startProcess(world, host, tamper);
      });
    }
  }
}

function pass(world: World, ms: number): Promise<void> {
  return world.scheduler.wait(null, ms, 'timer').done;
}

const SCHEDULED: Readonly<Partial<Record<Fault, (scene: Scene) => void>>> = {
  crash: ({ world, host }) => killProcess(world, host, 'process'),
  reboot: ({ world, host }) => killProcess(world, host, 'machine'),
  'state-lost': ({ world, host }) => {
    killProcess(world, host, 'machine');
    host.disk = createMemoryDisk();
    host.cache = new Set();
  },
  'state-older': ({ world, host, random }) => {
    const older = copyMemoryDisk(host.disk);
    void pass(world, random.int(500, 60_000)).then(() => {
      killProcess(world, host, 'machine');
      host.disk = older;
    });
  },
  'cache-lost': ({ world, host }) => {
    killProcess(world, host, 'process');
    host.cache = new Set();
  },
  clone: ({ world, hosts, host }) => {
    if (hosts.length >= HOSTS_MAX) return;
    const clone = createHost(world, {
      ...host,
      name: `${host.name}c${hosts.length}`,
      random: host.random.fork(`clone ${hosts.length}`),
    });
    clone.disk = copyMemoryDisk(host.disk);
    clone.cache = new Set(host.cache);
    hosts.push(clone);
  },
  stop: ({ world, host, random }) => {
    const { process } = host;
    process?.stop.abort();
    if (random.chance(0.3))
      void pass(world, random.int(10, 9_000)).then(() => process?.kill.abort());
  },
  partition: ({ world, host, random }) =>
    (host.wrong.network = until(world, random.int(1_000, 80_000))),
  outage: ({ world, random }) => {
    world.remote.setReachable(false);
    void pass(world, random.int(1_000, 60_000)).then(() => world.remote.setReachable(true));
  },
  'slow-network': ({ world, host, random }) =>
    (host.wrong.slow = until(world, random.int(5_000, 60_000))),
  'rejected-push': ({ world, random }) => {
    const refused = random.pick([BRANCH, REFS.claims, REFS.hosts, 'refs/']);
    world.remote.setPolicy(({ ref }) =>
      ref.startsWith(refused) ? `${refused} is protected` : null,
    );
    void pass(world, random.int(1_000, 30_000)).then(() => world.remote.setPolicy(() => null));
  },
  suspend: ({ world, host, random }) => {
    const ms = until(world, random.int(1_000, 120_000)) - world.scheduler.nowMs();
    for (const run of world.runs)
      if (run.host === host.name && run.endedMs === null) run.orphaned = true;
    if (host.process !== null) world.scheduler.suspend(host.process.owner, ms);
    world.scheduler.suspend(host.machine, ms);
    host.hands.suspendedMs += ms;
  },
  'wall-jump': ({ host, random }) =>
    (host.hands.wallOffsetMs += random.pick([-86_400_000, -60_000, 30_000, 3_600_000])),
  meddler: ({ world, hosts, random }) => void meddle(world, hosts, random.fork('meddler')),
  'disk-full': ({ world, host, random }) =>
    (host.wrong.disk = until(world, random.int(1_000, 30_000))),
};

function until(world: World, ms: number): number {
  return Math.min(world.plan.faultsUntilMs, world.scheduler.nowMs() + ms);
}
