/** What stands above the page: a question before agents are stopped, the form, and lists. */
import { formatCommands } from '../../base/fix.ts';
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { Compose } from './compose.tsx';
import { Dialog } from './dialog.tsx';
import { Keys } from './keys-list.tsx';
import { Palette } from './palette.tsx';
import {
  confirmation,
  type Confirmation,
  draft,
  isHelpOpen,
  isPaletteOpen,
  useCell,
} from './state.ts';
import type { Status, Summary } from '../told.ts';

export function Dialogs({
  summary,
  status,
}: {
  readonly summary: Summary | null;
  readonly status: Status | null;
}): VNode {
  const asked = useCell(confirmation);
  const form = useCell(draft);
  const help = useCell(isHelpOpen);
  const palette = useCell(isPaletteOpen);
  return (
    <>
      {form === null ? null : <Compose start={form} summary={summary} />}
      {asked === null ? null : <Confirm asked={asked} />}
      {help ? <Keys /> : null}
      {palette ? <Palette summary={summary} status={status} /> : null}
    </>
  );
}

function Confirm({ asked }: { readonly asked: Confirmation }): VNode {
  const [busy, setBusy] = useState(false);
  const close = (): void => confirmation.set(null);
  const run = async (): Promise<void> => {
    setBusy(true);
    // The foot of the page says why it was refused.
    await asked.act().finally(close);
  };
  return (
    <Dialog label={asked.title} onClose={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void run();
        }}
      >
        <h2>{asked.title}</h2>
        <p>{asked.text}</p>
        <p class="same">
          The same as <code>{formatCommands(asked.same)[0]}</code>
        </p>
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Not now
          </button>
          <button type="submit" class="button harsh" disabled={busy} autoFocus>
            {busy ? 'One moment …' : asked.verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}
