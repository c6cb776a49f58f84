/** Chance that can be repeated: the same seed gives the same numbers, on every machine. */
import type { Random } from '../../src/base/random.ts';

/** The Random door and what a simulation draws from it. */
export interface SeededRandom extends Random {
  /** A whole number from `min` to `max`, both possible. */
  readonly int: (min: number, max: number) => number;
  /** True with probability `p`. */
  readonly chance: (p: number) => boolean;
  /** One of `items`, which must not be empty. */
  readonly pick: <T>(items: readonly T[]) => T;
  /**
   * Another generator, which takes nothing from this one: drawing more here changes nothing there.
   */
  readonly fork: (name: string) => SeededRandom;
}

/** A generator named by `seed` (sfc32 over a hash of the text). */
export function createSeededRandom(seed: string): SeededRandom {
  let [a, b, c, d] = hashText(seed);
  const next = (): number => {
    const t = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return (t >>> 0) / 2 ** 32;
  };
  for (let n = 0; n < 12; n += 1) next();
  return {
    next,
    hex: (bytes) =>
      Array.from({ length: bytes }, () =>
        Math.floor(next() * 256)
          .toString(16)
          .padStart(2, '0'),
      ).join(''),
    int: (min, max) => min + Math.floor(next() * (max - min + 1)),
    chance: (p) => next() < p,
    pick: (items) => {
      const picked = items[Math.floor(next() * items.length)];
      if (picked === undefined) throw new Error('nothing to pick from');
      return picked;
    },
    fork: (name) => createSeededRandom(`${seed}/${name}`),
  };
}

function hashText(text: string): [number, number, number, number] {
  let h = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 0xdeadbeef] as [number, number, number, number];
  for (let n = 0; n < text.length; n += 1) {
    const code = text.charCodeAt(n);
    h = [
      Math.imul(h[1] ^ code, 597399067),
      Math.imul(h[2] ^ code, 2869860233),
      Math.imul(h[3] ^ code, 951274213),
      Math.imul(h[0] ^ code, 2716044179),
    ];
  }
  return h;
}
