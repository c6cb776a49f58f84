/** The form for a new message. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { Attach } from './attach.tsx';
import { planSend } from './changes.ts';
import { checkNames } from './check-names.ts';
import { Dialog } from './dialog.tsx';
import { CheckedNames, NameChoices, NO_NAMES, RecipientField } from './recipients.tsx';
import { type Draft, draft, place } from './state.ts';
import type { Summary } from '../told.ts';

export function Compose({
  start,
  summary,
}: {
  readonly start: Draft;
  readonly summary: Summary | null;
}): VNode {
  const [to, setTo] = useState(start.to);
  const [channel, setChannel] = useState(start.channel);
  const [subject, setSubject] = useState(start.subject ?? '');
  const [text, setText] = useState(start.text ?? '');
  const [files, setFiles] = useState(start.files ?? []);
  const names = summary?.names ?? NO_NAMES;
  const channels = (summary?.channels ?? []).filter(({ isRun }) => !isRun);
  const isExternal = checkNames(to, names).some((one) => one.isExternal);
  const close = (): void => draft.set(null);
  const send = (): void => {
    const written = { to, channel, subject, text, re: start.re, files };
    close();
    planSend(written, () => draft.set(written));
  };
  return (
    <Dialog label="New message" onClose={close} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          send();
        }}
      >
        <h2>New message</h2>
        <label class="field">
          <span>To</span>
          <RecipientField value={to} names={names} onInput={setTo} autoFocus={to === ''} />
        </label>
        <NameChoices value={to} names={names} onInput={setTo} />
        <CheckedNames value={to} names={names} onInput={setTo} />
        <div class="field-row">
          <label class="field">
            <span>Channel</span>
            <input
              value={channel}
              required
              list="channels"
              name="channel"
              autocomplete="off"
              autocapitalize="off"
              spellcheck={false}
              onInput={(event) => setChannel(event.currentTarget.value)}
            />
            <datalist id="channels">
              {channels.map(({ name }) => (
                <option key={name} value={name} />
              ))}
            </datalist>
          </label>
          <label class="field grow">
            <span>Subject</span>
            <input
              value={subject}
              name="subject"
              placeholder="optional"
              autocomplete="off"
              onInput={(event) => setSubject(event.currentTarget.value)}
            />
          </label>
        </div>
        <label class="field">
          <span>Message</span>
          <textarea
            rows={8}
            value={text}
            required
            name="message"
            autoFocus={to !== ''}
            placeholder="Markdown"
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={submitOnKeys}
          />
        </label>
        <Attach files={files} onChange={setFiles} />
        <p class="hint">As {summary?.me ?? 'you'}, with the rights of the hosts that answer.</p>
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Discard
          </button>
          <button type="submit" class={`button ${isExternal ? 'harsh' : 'main'}`}>
            Send
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** Ctrl or Cmd with Enter sends the form that a text stands in. */
export function submitOnKeys(event: KeyboardEvent): void {
  if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  if (event.currentTarget instanceof HTMLTextAreaElement) event.currentTarget.form?.requestSubmit();
}

/** Opens the form for a new message in the channel that is in view. */
export function compose(to = '', channel?: string): void {
  const here = place.get();
  draft.set({ to, channel: channel ?? (here.at === 'channel' ? here.name : 'general'), re: null });
}
