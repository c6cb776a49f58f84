/** Rows below a title with their number; nothing where there are none. */
import type { ComponentChildren, VNode } from 'preact';

/** Rows that are shown at most. */
export const ROWS_MAX = 30;

export function Section({
  title,
  count,
  children,
}: {
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}): VNode | null {
  if (count === 0) return null;
  return (
    <section class="section">
      <h2>
        {title} <span class="count">{count}</span>
      </h2>
      <div class="rows">{children}</div>
      {count > ROWS_MAX ? <p class="hint">… and {count - ROWS_MAX} more</p> : null}
    </section>
  );
}
