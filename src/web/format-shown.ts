/** Answers for the page: as in a terminal, hidden characters in anybody's text are shown. */
import { showHidden } from '../base/plain-text.ts';

/** The JSON of a value whose texts the page shows. */
export function formatShown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' ? showHidden(part) : part,
  );
}
