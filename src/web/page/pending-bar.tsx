/** The bar at the foot of the page: a change that can be taken back, or why one was refused. */
import { formatCommands } from '../../base/fix.ts';
import type { VNode } from 'preact';
import { Close, Trouble } from './parts.tsx';
import { holdUndo, makeNow, pending, refusal, resumeUndo, undo, UNDO_MS } from './pending.ts';
import { toast, useCell } from './state.ts';

export function PendingBar(): VNode {
  const waits = useCell(pending);
  const refused = useCell(refusal);
  const word = useCell(toast);
  return (
    <div class="toasts" role="status" aria-live="polite">
      {refused === null ? null : (
        <div class="refused">
          <header>
            <b>Not done: {refused.says}</b>
            <Close onClose={() => refusal.set(null)} />
          </header>
          <Trouble problem={refused.problem} />
        </div>
      )}
      {waits === null ? (
        word === null ? null : (
          <p>{word}</p>
        )
      ) : (
        <Waits
          key={waits.change}
          says={waits.change.says}
          isBusy={waits.isBusy}
          same={formatCommands(waits.change.same)[0] ?? ''}
        />
      )}
    </div>
  );
}

function Waits({
  says,
  same,
  isBusy,
}: {
  readonly says: string;
  readonly same: string;
  readonly isBusy: boolean;
}): VNode {
  return (
    <div
      class={`pending ${isBusy ? 'is-busy' : ''}`}
      onMouseEnter={holdUndo}
      onMouseLeave={resumeUndo}
      onFocusCapture={holdUndo}
      onBlurCapture={resumeUndo}
    >
      <span class="pending-says">
        <b>{isBusy ? `${says} …` : says}</b>
        <code>{same}</code>
      </span>
      {isBusy ? null : (
        <>
          <button type="button" class="undo" onClick={() => undo()}>
            Undo <kbd>z</kbd>
          </button>
          <button type="button" class="undo" onClick={() => void makeNow()}>
            Now
          </button>
          <i class="pending-time" style={{ animationDuration: `${UNDO_MS}ms` }} />
        </>
      )}
    </div>
  );
}
