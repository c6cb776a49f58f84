/** Orders strings by UTF-16 code unit: the same on every host, whatever its locale. */
export function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A comparer by a derived string key, in code-unit order. */
export function by<T>(key: (value: T) => string): (a: T, b: T) => number {
  return (a, b) => byCodeUnit(key(a), key(b));
}
