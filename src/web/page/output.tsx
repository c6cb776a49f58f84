/** What agents of this machine print for a message, as they print it. */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Piece } from '../told.ts';
import { appendPiece, type Printed } from './printed.ts';

export function OutputView({ id }: { readonly id: string }): VNode {
  const [printed, setPrinted] = useState<readonly Printed[]>([]);
  const [isOver, setOver] = useState(false);
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const source = new EventSource(`/api/output?id=${encodeURIComponent(id)}`);
    source.addEventListener('output', (event: MessageEvent<string>) =>
      setPrinted((known) => appendPiece(known, JSON.parse(event.data) as Piece)),
    );
    source.addEventListener('over', () => {
      setOver(true);
      source.close();
    });
    // A line that breaks begins with everything again, and what is known is dropped by its end.
    return () => source.close();
  }, [id]);
  useEffect(() => {
    const box = end.current;
    if (box !== null && box.scrollHeight - box.scrollTop - box.clientHeight < 120)
      box.scrollTop = box.scrollHeight;
  }, [printed]);
  return (
    <div class="output" ref={end} tabIndex={0} role="log" aria-label="Output" aria-live="off">
      {printed.length === 0 ? (
        <p class="soft">
          {isOver ? 'No agent on this machine has printed anything for it.' : 'Nothing yet …'}
        </p>
      ) : null}
      {printed.map(({ attempt, model, text }) => (
        <div key={attempt}>
          <p class="soft small">{model}</p>
          <pre dir="auto">{text}</pre>
        </div>
      ))}
    </div>
  );
}
