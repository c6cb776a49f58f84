/** What attempts have printed, put together from pieces that may overlap. Pure. */

import type { Piece } from '../told.ts';

/** What is shown of one attempt. */
export type Printed = Piece;

/** Characters that are kept of an attempt: the last ones. */
export const PRINTED_CHARS_MAX = 200_000;

/** Adds what is new of a piece. */
export function appendPiece(all: readonly Printed[], piece: Piece): readonly Printed[] {
  const known = all.find(({ attempt }) => attempt === piece.attempt);
  if (known === undefined) return [...all, cut(piece)];
  if (piece.end <= known.end) return all;
  const fresh = piece.text.slice(-Math.min(piece.text.length, piece.end - known.end));
  const grown = cut({ ...known, text: known.text + fresh, end: piece.end });
  return all.map((one) => (one === known ? grown : one));
}

function cut(printed: Printed): Printed {
  return { ...printed, text: printed.text.slice(-PRINTED_CHARS_MAX) };
}
