/**
 * A value of ours with the keys that `--json` prints: `sinceMs` becomes `since_ms`. Only for values
 * whose keys are ours: names that people chose are data and may not be changed.
 */
export function snakeKeys(value: object): object;
export function snakeKeys(value: object | null): object | null;
export function snakeKeys(value: object | null): object | null {
  if (value === null) return null;
  if (Array.isArray(value)) return value.map(inside);
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      inside(one),
    ]),
  );
}

function inside(value: unknown): unknown {
  return typeof value === 'object' ? snakeKeys(value) : value;
}
