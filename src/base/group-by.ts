/** Values by what they have in common; those without it are left out. */
export function groupBy<T>(
  values: readonly T[],
  keyOf: (value: T) => string | null,
): ReadonlyMap<string, readonly T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = key === null ? undefined : groups.get(key);
    if (group !== undefined) group.push(value);
    else if (key !== null) groups.set(key, [value]);
  }
  return groups;
}
