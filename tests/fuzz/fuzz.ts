/**
 * Mutates what strangers push, from a corpus, for as long as it is let. Most cases are read in this
 * process; a few a minute go to a real remote with a real dispatcher. Used by scripts/fuzz.mjs.
 */
import { createSeededRandom } from '../support/seeded-random.ts';
import { ALL } from './corpus.ts';
import { mutate } from './mutate.ts';
import { pushInMemory } from './memory-pushes.ts';
import { pushRound, type PushFailure } from './pushes.ts';
import { type Reader, READERS } from './readers.ts';

/** What was tried before the time was over, or until something did not hold. */
export interface FuzzReport {
  /** Cases by the name of what read them. */
  readonly counts: ReadonlyMap<string, number>;
  /** The case that took the most processor time. */
  readonly slowest: { readonly seed: string; readonly cpuMs: number };
  readonly failure: FuzzFailure | null;
}

export interface FuzzFailure {
  /** What `--seed` plays again. */
  readonly seed: string;
  readonly what: string;
  readonly why: string;
  /** What was read; null where a push is made again from its seed. */
  readonly input: Uint8Array | null;
}

export interface FuzzOptions {
  readonly seconds: number;
  /** Where the numbers of the seeds begin. */
  readonly first: number;
}

/** No reader may take longer, beside what each byte costs: the square of a length shows. */
const CPU_MS_MAX = 250;
const CPU_MS_A_KIB = 4;
const READ_SECONDS = 25;
const PUSHES_A_ROUND = 8;
const IN_MEMORY_A_ROUND = 200;

/** Runs until the time is over or the first failure. */
export async function runFuzz({ seconds, first }: FuzzOptions): Promise<FuzzReport> {
  const tally = createTally();
  const endMs = performance.now() + seconds * 1_000;
  let [read, pushed] = [first, first];
  while (performance.now() < endMs && tally.report().failure === null) {
    const untilMs = Math.min(endMs, performance.now() + READ_SECONDS * 1_000);
    while (performance.now() < untilMs && tally.report().failure === null)
      tally.read(`read-${(read += 1)}`);
    if (performance.now() >= endMs || tally.report().failure !== null) break;
    await tally.inMemory(Array.from({ length: IN_MEMORY_A_ROUND }, () => `memory-${(read += 1)}`));
    await tally.push(Array.from({ length: PUSHES_A_ROUND }, () => `push-${(pushed += 1)}`));
  }
  return tally.report();
}

/**
 * Plays seeds again: `read-7`, or those of a round of pushes (`push-`, `memory-`), which meet one
 * dispatcher.
 */
export async function replay(seeds: readonly string[]): Promise<FuzzReport> {
  const tally = createTally();
  for (const seed of seeds) if (seed.startsWith('read-')) tally.read(seed);
  const inMemory = seeds.filter((seed) => seed.startsWith('memory-'));
  if (inMemory.length > 0) await tally.inMemory(inMemory);
  const pushes = seeds.filter((seed) => seed.startsWith('push-'));
  if (pushes.length > 0) await tally.push(pushes);
  return tally.report();
}

function createTally() {
  const counts = new Map<string, number>();
  let slowest = { seed: '', cpuMs: 0 };
  let failure: FuzzFailure | null = null;
  const count = (name: string): void => void counts.set(name, (counts.get(name) ?? 0) + 1);
  return {
    report: (): FuzzReport => ({ counts, slowest, failure }),
    read: (seed: string): void => {
      const done = readCase(seed);
      count(done.what);
      if (done.cpuMs > slowest.cpuMs) slowest = { seed, cpuMs: done.cpuMs };
      if (done.why !== null) failure ??= { seed, ...done, why: done.why };
    },
    inMemory: async (seeds: readonly string[]): Promise<void> => {
      seeds.forEach(() => count('pushes in memory'));
      const why = await pushInMemory(seeds);
      if (why !== null)
        failure ??= { seed: seeds.join(','), what: 'pushes in memory', why, input: null };
    },
    push: async (seeds: readonly string[]): Promise<void> => {
      const failed: PushFailure | null = await pushRound(seeds, () => count('pushes'));
      if (failed !== null)
        failure ??= { seed: failed.seeds.join(','), what: 'pushes', why: failed.why, input: null };
    },
  };
}

interface ReadCase {
  readonly what: string;
  readonly input: Buffer;
  readonly cpuMs: number;
  /** Null: all held. */
  readonly why: string | null;
}

/** The first of so many cases that does not hold with these readers alone; null: all hold. */
export function findFault(readers: readonly Reader[], cases: number): FuzzFailure | null {
  for (let number = 1; number <= cases; number += 1) {
    const seed = `read-${number}`;
    const { what, why, input } = readCase(seed, readers);
    if (why !== null) return { seed, what, why, input };
  }
  return null;
}

function readCase(seed: string, readers = READERS): ReadCase {
  const random = createSeededRandom(seed);
  const reader = random.pick(readers);
  const origin = random.int(0, reader.corpus.length - 1);
  const others = random.chance(0.5) ? reader.corpus : ALL;
  const input = mutate(reader.corpus[origin] ?? Buffer.alloc(0), random, others);
  const before = process.cpuUsage();
  let why: string | null = null;
  try {
    reader.read(input, origin);
  } catch (error) {
    why = error instanceof Error ? (error.stack ?? error.message) : String(error);
  }
  const { user, system } = process.cpuUsage(before);
  const cpuMs = (user + system) / 1_000;
  why ??= isPolluted() ? 'a prototype was changed' : null;
  why ??=
    cpuMs > CPU_MS_MAX + (CPU_MS_A_KIB * input.length) / 1_024
      ? `took ${cpuMs} ms of processor time for ${input.length} bytes`
      : null;
  return { what: reader.name, input, cpuMs, why };
}

const PROTOTYPES = [Object.prototype, Array.prototype, String.prototype, Function.prototype];
const NAMES = namesOfPrototypes();

function namesOfPrototypes(): string {
  return PROTOTYPES.map((each) => Object.getOwnPropertyNames(each).join()).join(';');
}

function isPolluted(): boolean {
  return namesOfPrototypes() !== NAMES;
}
