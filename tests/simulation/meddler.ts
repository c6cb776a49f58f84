/**
 * Somebody who can push and moves refs that no branch protection covers: claims, beats and control
 * are deleted, forged, swapped and wound back, while hosts work and while they are down.
 */
import type { Oid } from '../../src/base/ids.ts';
import { formatBeat } from '../../src/protocol/beat.ts';
import { formatClaim } from '../../src/protocol/claim.ts';
import { CONTROL_NAME, formatControl } from '../../src/protocol/control.ts';
import { listWork } from '../../src/protocol/list-work.ts';
import type { SeededRandom } from '../support/seeded-random.ts';
import type { Host } from './host.ts';
import { MODELS } from './people.ts';
import { REFS, type World } from './world.ts';

/** Meddles for a while; puts away what would stop everybody for ever when it is over. */
export async function meddle(
  world: World,
  hosts: readonly Host[],
  random: SeededRandom,
): Promise<void> {
  const untilMs = world.scheduler.nowMs() + random.int(5, 60) * 1_000;
  const paceMs = random.pick([200, 1_000, 5_000]);
  const was = new Map<string, Oid[]>();
  while (world.scheduler.nowMs() < untilMs && !world.isOver()) {
    for (const [ref, oid] of refsNow(world)) was.set(ref, [...(was.get(ref) ?? []), oid]);
    const trick = random.pick(TRICKS);
    trick({ world, hosts, random, was });
    await world.scheduler.wait(null, random.int(1, paceMs), 'timer').done;
  }
  set(world, REFS.control + CONTROL_NAME, null);
}

interface Scene {
  readonly world: World;
  readonly hosts: readonly Host[];
  readonly random: SeededRandom;
  /** What stood at each ref before. */
  readonly was: ReadonlyMap<string, readonly Oid[]>;
}

const TRICKS: readonly ((scene: Scene) => void)[] = [
  ...[remove, remove, removeClaim, removeClaim, rewind, swap, forgeClaim, forgeClaim],
  ...[removeClaim, remove, rewind, forgeClaim, forgeBeat, forgeControl],
];

function refsNow(world: World): readonly (readonly [string, Oid])[] {
  return [...world.remote.refs].filter(([ref]) => ref.startsWith('refs/crosstalk/'));
}

function set(world: World, ref: string, oid: Oid | null): void {
  if ((world.remote.refs.get(ref) ?? null) === oid) return;
  world.scheduler.trace(`meddler sets ${ref} to ${oid?.slice(0, 8) ?? 'nothing'}`);
  world.count(`meddler ${ref.split('/')[2] ?? ''} ${oid === null ? 'deleted' : 'set'}`);
  world.remote.setRef(ref, oid);
}

function remove({ world, random }: Scene): void {
  const refs = refsNow(world);
  if (refs.length > 0) set(world, random.pick(refs)[0], null);
}

function removeClaim({ world, random }: Scene): void {
  const claims = refsNow(world).filter(([ref]) => ref.startsWith(REFS.claims));
  if (claims.length > 0) set(world, random.pick(claims)[0], null);
}

function rewind({ world, random, was }: Scene): void {
  const known = [...was];
  if (known.length === 0) return;
  const [ref, oids] = random.pick(known);
  set(world, ref, random.pick(oids));
}

function swap({ world, random }: Scene): void {
  const refs = refsNow(world);
  if (refs.length > 0) set(world, random.pick(refs)[0], random.pick(refs)[1]);
}

function forgeClaim({ world, hosts, random }: Scene): void {
  const works = hosts.flatMap(({ process }) =>
    process === null ? [] : listWork(process.dispatcher.mirror.index()),
  );
  if (works.length === 0) return;
  const { key, message, recipient } = random.pick(works);
  const isKnown = random.chance(0.5);
  const known = random.pick(hosts);
  const claim = formatClaim({
    message: message.path,
    blob: message.blob,
    recipient,
    alias: isKnown ? known.alias : 'nobody',
    instance: known.process?.dispatcher.doors.local.instance ?? 'f'.repeat(12),
    run: random.hex(8),
    attempt: random.pick([1, 3, 1_000_000]),
    nonce: random.hex(8),
    effects: random.pick(['none', 'external'] as const),
  });
  set(world, REFS.claims + key, world.remote.record(claim));
}

function forgeBeat({ world, random }: Scene): void {
  const instance = random.hex(6);
  const beat = formatBeat({
    alias: 'nobody',
    instance,
    run: random.hex(8),
    count: 1,
    version: '8.0.0',
    state: 'running',
    slots: 8,
    busy: 0,
    models: [...MODELS],
    blocked: [],
    pollMs: null,
    wake: null,
    atMs: 0,
  });
  set(world, `${REFS.hosts}nobody.${instance}`, world.remote.record(beat));
}

function forgeControl({ world, hosts, random }: Scene): void {
  const control = formatControl({
    op: random.pick(['pause', 'drain', 'stop'] as const),
    by: 'nobody',
    runs: hosts.flatMap(({ process }) => process?.dispatcher.run ?? []),
  });
  set(world, REFS.control + CONTROL_NAME, world.remote.record(control));
}
