/**
 * A value of ours with the keys that `--json` prints: `sinceMs` becomes `since_ms`. Only for values
 * whose keys are ours: names that people chose are data and may not be changed.
 */
export function snakeKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, one]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      snakeKeys(one),
    ]),
  );
}
