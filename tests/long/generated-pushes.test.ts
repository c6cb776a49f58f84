/** The pushes of tests/hostile/generated-pushes.test.ts by the hundred, to real dispatchers. */
import { expect, it } from 'vitest';
import { pushInMemory } from '../fuzz/memory-pushes.ts';
import { pushRound } from '../fuzz/pushes.ts';

const COUNT = Number(process.env['PUSHES'] ?? 200);
const IN_MEMORY = 5_000;
/** One dispatcher meets so many. */
const A_ROUND = 40;

it('after each of hundreds of pushes the message beside it is answered, SIGTERM is obeyed, and memory stays small', async () => {
  for (let first = 0; first < COUNT; first += A_ROUND) {
    const seeds = Array.from({ length: A_ROUND }, (_, at) => `push-${first + at}`);
    expect(await pushRound(seeds, () => undefined)).toBeNull();
  }
}, 7_200_000);

it('after thousands of pushes to a dispatcher in memory, too', async () => {
  const seeds = Array.from({ length: IN_MEMORY }, (_, at) => `memory-${at}`);
  expect(await pushInMemory(seeds)).toBeNull();
});
