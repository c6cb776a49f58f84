/**
 * Told stories in the simulated world: no fault comes on its own, and each test says what happens
 * when.
 */
import type { KeyObject } from 'node:crypto';
import type { Doors, Settings } from '../../src/dispatcher/dispatcher.ts';
import type { Act } from '../support/fake-agents.ts';
import { createHost, type Host, startProcess, type Tamper } from './host.ts';
import { commitAs, foundTransport } from './people.ts';
import { drawsOf, QUIET } from './plan.ts';
import { BRANCH, createWorld, REFS, type World } from './world.ts';

/** A world in which nothing happens but what the story says. */
export interface Story {
  readonly world: World;
  readonly hosts: readonly Host[];
  /** Commits as a person. */
  readonly say: (writes: Readonly<Record<string, string>>, removes?: readonly string[]) => void;
  readonly pass: (ms: number) => Promise<void>;
  readonly start: (host: Host) => void;
  readonly files: () => ReadonlyMap<string, string>;
  readonly claims: () => readonly string[];
}

/** Hosts h0, h1 … that serve every model; `act` says what each program does. */
export function tell(
  act: () => Act,
  options: {
    readonly hosts?: number;
    readonly tamper?: (world: World) => Tamper;
    readonly settings?: Partial<Settings>;
    /** By the names of hosts: what they sign with; absent: they sign nothing. */
    readonly keys?: ReadonlyMap<string, KeyObject>;
    readonly trust?: Doors['trust'];
  } = {},
): Story {
  const world = createWorld(QUIET, () => undefined);
  foundTransport(world);
  const hosts = Array.from({ length: options.hosts ?? 2 }, (_, index) => ({
    ...createHost(world, {
      name: `h${index}`,
      alias: `h${index}`,
      random: drawsOf(QUIET, `h${index}`),
      serves: new Set(['opus', 'sonnet', 'mailer']),
      concurrency: 2,
      ...(options.settings === undefined ? {} : { settings: options.settings }),
      ...(options.keys === undefined ? {} : { key: options.keys.get(`h${index}`) }),
      ...(options.trust === undefined ? {} : { trust: options.trust }),
    }),
    act,
  }));
  const start = (host: Host): void => void startProcess(world, host, options.tamper?.(world));
  for (const host of hosts) start(host);
  return {
    world,
    hosts,
    start,
    say: (writes, removes = []) =>
      void commitAs(world, {
        writes: Object.entries(writes).map(([path, content]) => ({ path, content })),
        removes,
        message: 'story',
      }),
    pass: async (ms) => {
      await world.scheduler.run({
        untilMs: world.scheduler.nowMs() + ms,
        eventsMax: 1_000_000,
        stop: () => false,
      });
    },
    files: () => {
      const tip = world.remote.refs.get(BRANCH);
      return tip === undefined ? new Map() : world.remote.filesOf(tip);
    },
    claims: () => [...world.remote.refs.keys()].filter((ref) => ref.startsWith(REFS.claims)),
  };
}
