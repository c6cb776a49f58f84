/**
 * Every call of a door is a step: it takes time, may fail, may be where the process dies, and lets
 * the other hosts continue meanwhile.
 */
import { CrosstalkError } from '../../src/base/errors.ts';
import type { PushOutcome, Repository } from '../../src/transport/repository.ts';
import type { Step as DiskStep } from '../support/memory-local-state.ts';
import type { Step as GitStep, StepName } from '../support/memory-repository.ts';
import type { Owner } from '../support/simulation-scheduler.ts';
import type { Fault } from './plan.ts';
import { type Host, killProcess } from './host.ts';
import type { World } from './world.ts';

export interface Steps {
  readonly git: GitStep;
  readonly disk: DiskStep;
  /**
   * Adds what the memory remote cannot do on its own: pushes that land after their answer was given
   * up.
   */
  readonly repository: (repository: Repository) => Repository;
}

const REMOTE: readonly StepName[] = ['listRefs', 'fetch', 'push'];
const WRITES: readonly StepName[] = ['buildCommits', 'writeRecord'];
const never = new Promise<never>(() => undefined);

/** The steps of one process. */
export function createSteps(world: World, host: Host, owner: Owner): Steps {
  const { random } = host;
  const chance = (fault: Fault, rate = world.plan.faultRate): boolean =>
    world.may(fault) && random.chance(rate);
  const maybeCrash = async (where: string): Promise<void> => {
    if (!owner.alive) await never;
    if (!chance('crash', world.plan.faultRate / 10)) return;
    world.count(`fault crash ${where.endsWith('before') ? 'before' : 'after'}`);
    world.scheduler.trace(`${host.name} crashes at ${where}`);
    killProcess(world, host, 'process');
    await never;
  };
  const wait = async (ms: number, kind: 'answer' | 'wire' = 'answer'): Promise<void> => {
    await world.scheduler.wait(owner, ms, kind).done;
    if (kind === 'answer' && !owner.alive) await never;
  };
  const latency = (): number => {
    if (host.wrong.slow > world.scheduler.nowMs()) return random.int(200, 15_000);
    return random.chance(0.03) ? random.int(100, 2_000) : random.int(1, 40);
  };
  const lostOnTheWay = (name: StepName, phase: 'before' | 'after'): boolean => {
    const cut = host.wrong.network > world.scheduler.nowMs();
    const fault = phase === 'before' ? 'lost-request' : 'lost-answer';
    if (!cut && !chance(fault)) return false;
    if (!cut) world.count(`fault ${fault}`);
    world.scheduler.trace(`${host.name} ${name} ${phase} lost`);
    return true;
  };
  const remoteStep: GitStep = async (name, phase) => {
    if (phase === 'before') await maybeCrash(`${name} before`);
    // A request on its way arrives whether or not who sent it still lives.
    await wait(latency(), phase === 'before' ? 'wire' : 'answer');
    if (phase === 'after') await maybeCrash(`${name} after`);
    if (lostOnTheWay(name, phase)) {
      await wait(random.int(10, 10_000));
      return 'lost';
    }
    return 'go';
  };
  return {
    git: async (name, phase) => {
      if (REMOTE.includes(name)) return remoteStep(name, phase);
      if (!owner.alive) await never;
      if (random.chance(0.04)) {
        await wait(random.int(0, 3));
        await maybeCrash(`${name} ${phase}`);
      }
      return WRITES.includes(name) &&
        phase === 'before' &&
        host.wrong.disk > world.scheduler.nowMs() &&
        random.chance(0.5)
        ? 'lost'
        : 'go';
    },
    disk: async (name, phase) => {
      await maybeCrash(`${name} ${phase}`);
      await wait(random.int(0, 5));
      if (
        name.startsWith('read') ||
        name.startsWith('list') ||
        phase === 'after' ||
        host.wrong.disk <= world.scheduler.nowMs()
      )
        return;
      if (!random.chance(0.7)) return;
      world.count('fault disk-full');
      throw new CrosstalkError('STATE_UNUSABLE', `${name}: no space left on device`);
    },
    repository: (repository) => ({
      ...repository,
      push: latePushes({ world, host, owner, repository, wait }),
    }),
  };
}

interface Late {
  readonly world: World;
  readonly host: Host;
  readonly owner: Owner;
  readonly repository: Repository;
  readonly wait: (ms: number) => Promise<void>;
}

function latePushes({ world, host, owner, repository, wait }: Late): Repository['push'] {
  const wire = world.remote.open({
    host: host.name,
    cache: host.cache,
    step: async (_, phase) => {
      if (phase === 'before')
        await world.scheduler.wait(null, host.random.int(50, 20_000), 'wire').done;
      return 'go';
    },
  });
  return async (updates, options): Promise<PushOutcome> => {
    if (!owner.alive) await never;
    if (!world.may('late-push') || !host.random.chance(world.plan.faultRate))
      return repository.push(updates, options);
    world.count('fault late-push');
    world.scheduler.trace(`${host.name} push goes astray`);
    void wire.push(updates, options).then((outcome) => {
      const landed =
        outcome.kind === 'answered' &&
        [...outcome.refs.values()].some(({ kind }) => kind === 'landed');
      if (landed) world.count('late push landed');
      world.scheduler.trace(`${host.name} stray push ${landed ? 'landed' : 'was refused'}`);
    });
    await wait(host.random.int(10, 5_000));
    return { kind: 'unknown', failure: { reason: 'timeout', line: 'no answer within the limit' } };
  };
}
