/** Finds by letters that were typed, in their order but not side by side. Pure. */

/**
 * What fits, best first: where a word begins with what was typed before where it only has its
 * letters. Those that fit alike keep their order.
 */
export function findFitting<T>(
  all: readonly T[],
  typed: string,
  textOf: (one: T) => string,
): readonly T[] {
  const wanted = typed.trim().toLowerCase();
  if (wanted === '') return all;
  return all
    .map((one) => ({ one, rank: rankOf(textOf(one).toLowerCase(), wanted) }))
    .filter(({ rank }) => rank < UNFIT)
    .sort((a, b) => a.rank - b.rank)
    .map(({ one }) => one);
}

const UNFIT = 3;

/** 0 = a word begins with it, 1 = it stands inside, 2 = its letters come in order. */
function rankOf(text: string, wanted: string): number {
  const at = text.indexOf(wanted);
  if (at === 0 || (at > 0 && /[^\p{L}\p{N}]/u.test(text[at - 1] ?? ''))) return 0;
  if (at > 0) return 1;
  let from = 0;
  for (const letter of wanted.replace(/\s+/g, '')) {
    const next = text.indexOf(letter, from);
    if (next < 0) return UNFIT;
    from = next + 1;
  }
  return 2;
}
