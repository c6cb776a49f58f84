/** What the page is told: as in a terminal, what is hidden in anybody's text is shown. */
import { showHidden } from '../base/plain-text.ts';

/** The JSON of a value whose texts the page shows. */
export function formatShown(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'string' ? showHidden(part) : part,
  );
}
