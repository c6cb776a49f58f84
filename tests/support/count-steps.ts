/**
 * How much work something is, in steps that are the same on every machine: calls of our functions
 * and items that were gone over. No clock.
 */
import { Session } from 'node:inspector/promises';

/** Our own files, and the parser that reads what strangers wrote. */
const OURS = /\/src\/|\/js-yaml\//;

/** Steps of `act`. */
export async function countSteps(act: () => unknown): Promise<number> {
  const session = new Session();
  session.connect();
  let items = 0;
  const restore = countItems((count) => (items += count));
  try {
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
    items = 0;
    await act();
    const counted = items;
    const { result } = await session.post('Profiler.takePreciseCoverage');
    const calls = result
      .filter(({ url }) => OURS.test(url))
      .flatMap(({ functions }) => functions.flatMap(({ ranges }) => ranges))
      .reduce((sum, { count }) => sum + count, 0);
    await session.post('Profiler.stopPreciseCoverage');
    return calls + counted;
  } finally {
    restore();
    session.disconnect();
  }
}

type Method = (this: unknown, ...args: unknown[]) => unknown;

/**
 * Tells of every item that a loop or a spread takes from a list, a map or a set, and of those that
 * the methods of lists go over which call nobody.
 */
function countItems(tell: (count: number) => void): () => void {
  const iterators = [[], new Map(), new Set()].map(
    (one) => Object.getPrototypeOf(one[Symbol.iterator]()) as Record<string, Method>,
  );
  const list = Array.prototype as unknown as Record<string, Method>;
  const looksAt = (found: unknown, { length }: readonly unknown[]): number =>
    typeof found === 'number' && found >= 0 ? found + 1 : length;
  const makes = (made: unknown): number => (made as { readonly length: number }).length;
  const undo = [
    ...iterators.map((iterator) => replace(iterator, 'next', () => tell(1))),
    replace(list, 'includes', (_, all) => tell(all.length)),
    replace(list, 'indexOf', (found, all) => tell(looksAt(found, all))),
    replace(list, 'slice', (made) => tell(makes(made))),
    replace(list, 'concat', (made) => tell(makes(made))),
    replace(list, 'join', (_, all) => tell(all.length)),
    replace(list, 'shift', (_, all) => tell(all.length)),
    replace(list, 'unshift', (_, all) => tell(all.length)),
  ];
  return () => {
    for (const one of undo) one();
  };
}

function replace(
  target: Record<string, Method>,
  name: string,
  onCall: (result: unknown, all: readonly unknown[]) => void,
): () => void {
  const before = Object.getOwnPropertyDescriptor(target, name)!;
  const original = before.value as Method;
  Object.defineProperty(target, name, {
    ...before,
    value(this: readonly unknown[], ...args: unknown[]) {
      const result = Reflect.apply(original, this, args);
      onCall(result, this);
      return result;
    },
  });
  return () => void Object.defineProperty(target, name, before);
}

/**
 * How much faster than in proportion the work grows, for sizes that double: what the last doubling
 * cost against twice what the one before it did. 1 is in proportion, 2 is the square.
 */
export async function growth(
  size: number,
  prepare: (size: number) => Promise<() => unknown>,
): Promise<number> {
  const steps: number[] = [];
  for (const times of [1, 2, 4, 8]) {
    const act = await prepare(size * times);
    steps.push(await countSteps(act));
  }
  const [, two = 0, four = 0, eight = 0] = steps;
  return (eight - four) / (four - two) / 2;
}
