/**
 * What a seed means: how many hosts, which messages, which faults and how often. Pure; shrinking is
 * a smaller plan of the same seed.
 */
import { createSeededRandom, type SeededRandom } from '../support/seeded-random.ts';
import { DRAWN } from './workflows.ts';

/** Everything that can go wrong. Each is on in half of the seeds, a meddler in one of seven. */
export const FAULTS = [
  'crash',
  'reboot',
  'state-lost',
  'state-older',
  'cache-lost',
  'clone',
  'stop',
  'lost-request',
  'lost-answer',
  'late-push',
  'slow-network',
  'partition',
  'outage',
  'rejected-push',
  'alias-twice',
  'suspend',
  'wall-jump',
  'drift',
  'agent-fails',
  'agent-endless',
  'agent-slow',
  'disk-full',
  'meddler',
] as const;
export type Fault = (typeof FAULTS)[number];

/** What one seed is made of. */
export interface Plan {
  readonly seed: number;
  readonly hosts: number;
  readonly actions: number;
  readonly faults: ReadonlySet<Fault>;
  /** Mean time between two scheduled faults. */
  readonly faultEveryMs: number;
  /** Probability of a fault at one call of a door. */
  readonly faultRate: number;
  /** From here on nothing goes wrong any more. */
  readonly faultsUntilMs: number;
  readonly atomic: boolean;
  /** The branch is rewritten once. */
  readonly rewrite: boolean;
  /** The workflows that are started, by their name in workflows.ts. */
  readonly markers: readonly string[];
}

/** A world in which nothing happens on its own. */
export const QUIET: Plan = {
  seed: 1,
  hosts: 2,
  actions: 0,
  faults: new Set(),
  faultEveryMs: 1,
  faultRate: 0,
  faultsUntilMs: 0,
  atomic: true,
  rewrite: false,
  markers: [],
};

/** Limits for a smaller version of a plan. */
export interface Smaller {
  readonly hosts?: number;
  readonly actions?: number;
  readonly faults?: readonly Fault[];
  readonly markers?: readonly string[];
}

/** The plan of a seed. */
export function planOf(seed: number, smaller: Smaller = {}): Plan {
  const random = createSeededRandom(`plan ${seed}`);
  const hosts = random.chance(0.1) ? random.int(6, 8) : random.int(2, 5);
  const actions = random.int(4, 20);
  const quiet = random.chance(0.05);
  const share = random.pick([0.2, 0.5, 0.8]);
  const others = FAULTS.filter((fault) => fault !== 'meddler' && random.chance(share) && !quiet);
  const on: readonly Fault[] =
    !quiet && createSeededRandom(`meddler ${seed}`).chance(0.15) ? [...others, 'meddler'] : others;
  const plan = {
    seed,
    faultEveryMs: random.int(8, 60) * 1_000,
    faultRate: quiet ? 0 : random.pick([0.002, 0.01, 0.03]),
    faultsUntilMs: random.int(3, 8) * 30_000,
    atomic: !random.chance(0.1),
    rewrite: !quiet && random.chance(0.03),
  };
  const markers = drawMarkers(createSeededRandom(`markers ${seed}`));
  return {
    ...plan,
    markers: markers.filter((name) => smaller.markers?.includes(name) ?? true),
    hosts: Math.min(hosts, smaller.hosts ?? hosts),
    actions: Math.min(actions, smaller.actions ?? actions),
    faults: new Set(on.filter((fault) => smaller.faults?.includes(fault) ?? true)),
  };
}

/**
 * Two of three seeds start runs; of a group two or three, so that they have to wait for each other.
 */
function drawMarkers(random: SeededRandom): readonly string[] {
  if (random.chance(0.35)) return [];
  const name = random.pick(DRAWN);
  if (name === 'group') return Array.from({ length: random.int(2, 3) }, () => name);
  return random.chance(0.25) ? [name, random.pick(DRAWN)] : [name];
}

/** The next smaller plans to try for a seed that fails. */
export function smallerThan(plan: Plan): readonly Smaller[] {
  const faults = [...plan.faults];
  const same = { hosts: plan.hosts, actions: plan.actions, faults, markers: plan.markers };
  return [
    ...(plan.hosts > 1 ? [{ ...same, hosts: plan.hosts - 1 }] : []),
    ...(plan.actions > 1
      ? [
          { ...same, actions: Math.floor(plan.actions / 2) },
          { ...same, actions: plan.actions - 1 },
        ]
      : []),
    ...(plan.markers.length > 0 ? [{ ...same, markers: [] }] : []),
    ...faults.map((fault) => ({ ...same, faults: faults.filter((other) => other !== fault) })),
  ];
}

/** Draws for one part of a seed that do not depend on how many the others take. */
export function drawsOf(plan: Plan, part: string): SeededRandom {
  return createSeededRandom(`${plan.seed} ${part}`);
}
