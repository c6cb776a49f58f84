/**
 * What stands under a stranger's key: only own keys exist. A plain object has `constructor` and
 * `toString` as well, which nobody has written.
 */
export function ownValue<T>(of: Readonly<Record<string, T>>, key: string | number): T | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}
