/** A text of somebody, cut where it is long until all of it is asked for. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { Markdown } from './markdown.tsx';

const CHARS_PER_LINE = 100;

/** `lines` are shown at once. `more`: there is more than the text; asks for it. */
export function LongText({
  text,
  lines,
  below = 2,
  more,
}: {
  readonly text: string;
  readonly lines: number;
  /** The level of the heading that it stands under. */
  readonly below?: number;
  readonly more?: () => void;
}): VNode {
  const [whole, setWhole] = useState(false);
  const short = text
    .split('\n')
    .slice(0, lines)
    .join('\n')
    .slice(0, lines * CHARS_PER_LINE);
  const isLong = short.length < text.length || more !== undefined;
  // Cut inside a block of code, what follows would be drawn as its end.
  const fence = (short.match(/^```/gm)?.length ?? 0) % 2 === 1 ? '\n```' : '';
  return (
    <>
      <Markdown text={whole || !isLong ? text : short + fence} below={below} />
      {isLong && !whole ? (
        <button
          type="button"
          class="more inline"
          onClick={() => {
            setWhole(true);
            more?.();
          }}
        >
          Show all of it
        </button>
      ) : null}
    </>
  );
}
