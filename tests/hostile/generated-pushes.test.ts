/**
 * Hundreds of pushes that no honest tool makes, each drawn from its seed: whatever is in them, the
 * message beside them is answered. `node scripts/fuzz.mjs --seed` plays again what fails.
 */
import { describe, expect, it } from 'vitest';
import { pushInMemory } from '../fuzz/memory-pushes.ts';
import { pushRound } from '../fuzz/pushes.ts';

const seedsOf = (kind: string, count: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${kind}-${at}`);

// More of both: tests/long.
describe('a push of a stranger', () => {
  it('never keeps the dispatcher from the message beside it for longer than two looks', async () => {
    expect(await pushInMemory(seedsOf('memory', 400))).toBeNull();
  });

  it('does not keep the real program from it either, which then obeys SIGTERM and stays below 300 MiB', async () => {
    expect(await pushRound(seedsOf('push', 8), () => undefined)).toBeNull();
  });
});
