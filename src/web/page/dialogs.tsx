/** What stands above the page: a question before a change, the form for a message, and the keys. */
import { formatFix } from '../../base/fix.ts';
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { change, type Problem, textIn } from './api.ts';
import { Dialog } from './dialog.tsx';
import { Keys } from './keys-list.tsx';
import { Trouble } from './parts.tsx';
import {
  confirmation,
  type Confirmation,
  draft,
  type Draft,
  goTo,
  isHelpOpen,
  place,
  say,
  shell,
  useCell,
} from './state.ts';
import type { Summary } from './told.ts';

export function Dialogs({ summary }: { readonly summary: Summary | null }): VNode {
  const asked = useCell(confirmation);
  const form = useCell(draft);
  const help = useCell(isHelpOpen);
  return (
    <>
      {form === null ? null : <Compose key={form.re ?? 'new'} start={form} summary={summary} />}
      {asked === null ? null : <Confirm asked={asked} />}
      {help ? <Keys /> : null}
    </>
  );
}

function Confirm({ asked }: { readonly asked: Confirmation }): VNode {
  const [text, setText] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const close = (): void => confirmation.set(null);
  const run = async (): Promise<void> => {
    setBusy(true);
    setProblem(null);
    const refusal = await asked.act(text).catch((error: unknown) => String(error));
    setBusy(false);
    if (refusal === null) close();
    else setProblem({ code: 'REFUSED', message: refusal, fix: null });
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
        {asked.asks === undefined ? null : (
          <label class="field">
            <span>{asked.asks.label}</span>
            <textarea
              rows={3}
              value={text}
              required={asked.asks.isNeeded}
              autoFocus
              onInput={(event) => setText(event.currentTarget.value)}
            />
          </label>
        )}
        <p class="same">
          The same as <code>{asked.command}</code>
        </p>
        {problem === null ? null : <Trouble problem={problem} />}
        <div class="dialog-foot">
          <button type="button" class="button" onClick={close}>
            Not now
          </button>
          <button
            type="submit"
            class={`button ${asked.isHarsh === true ? 'harsh' : 'main'}`}
            disabled={busy}
            autoFocus={asked.asks === undefined}
          >
            {busy ? 'One moment …' : asked.verb}
          </button>
        </div>
      </form>
    </Dialog>
  );
}

/** A change as the second half of a confirmation: null when it is done, else why not. */
export async function actOn(
  name: string,
  body: Readonly<Record<string, string>>,
  done: (data: Readonly<Record<string, unknown>>) => string,
): Promise<string | null> {
  const changed = await change(name, body);
  if (changed.kind === 'refused')
    return changed.problem.fix === null
      ? changed.problem.message
      : `${changed.problem.message} (${formatFix(changed.problem.fix)})`;
  say([done(changed.data), ...changed.notes].join('; '));
  return null;
}

/** The question before a message is sent. */
export function confirmSend(
  message: {
    readonly to: string;
    readonly channel: string;
    readonly text: string;
    readonly subject: string;
    readonly re: string | null;
    readonly me: string | null;
  },
  sent: (id: string) => void,
): void {
  const { to, channel, text, subject, re, me } = message;
  const words = [
    'crosstalkd send',
    ...(to === '' ? [] : [`--to ${shell(to)}`]),
    ...(re === null ? [`--channel ${shell(channel)}`] : [`--re ${shell(re)}`]),
    '-m …',
  ];
  confirmation.set({
    title: `Send to ${to}?`,
    text: `In #${channel}, as ${me ?? 'you'}. Models that are asked start to work at once, with the rights of the hosts that serve them.`,
    command: words.join(' '),
    verb: 'Send',
    act: () =>
      actOn(
        'send',
        {
          to,
          message: text,
          ...(re === null ? { channel } : { re }),
          ...(subject === '' ? {} : { subject }),
        },
        (data) => {
          sent(textIn(data, 'id', ''));
          return 'Sent';
        },
      ),
  });
}

function Compose({
  start,
  summary,
}: {
  readonly start: Draft;
  readonly summary: Summary | null;
}): VNode {
  const [to, setTo] = useState(start.to);
  const [channel, setChannel] = useState(start.channel);
  const [subject, setSubject] = useState('');
  const [text, setText] = useState('');
  const close = (): void => draft.set(null);
  const names = [...(summary?.names.models ?? []), ...(summary?.names.people ?? [])];
  const chosen = to.split(',').map((name) => name.trim());
  const channels = (summary?.channels ?? []).filter(({ isRun }) => !isRun);
  return (
    <Dialog label="New message" onClose={close} wide>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          confirmSend(
            { to, channel, text, subject, re: start.re, me: summary?.me ?? null },
            (id) => {
              close();
              if (id !== '') goTo({ at: 'message', id });
            },
          );
        }}
      >
        <h2>{start.re === null ? 'New message' : 'Answer'}</h2>
        <label class="field">
          <span>To</span>
          <input
            value={to}
            required
            placeholder="model, model@host, all, or a person"
            autoFocus={to === ''}
            onInput={(event) => setTo(event.currentTarget.value)}
            name="to"
            autocomplete="off"
            spellcheck={false}
          />
        </label>
        <div class="names">
          {names.slice(0, 14).map((name) => (
            <button
              key={name}
              type="button"
              class="name"
              aria-pressed={chosen.includes(name)}
              onClick={() =>
                setTo(
                  chosen.includes(name)
                    ? chosen.filter((one) => one !== name).join(', ')
                    : [...chosen.filter((one) => one !== ''), name].join(', '),
                )
              }
            >
              {name}
            </button>
          ))}
        </div>
        <div class="field-row">
          <label class="field">
            <span>Channel</span>
            <input
              value={channel}
              required
              list="channels"
              name="channel"
              autocomplete="off"
              spellcheck={false}
              disabled={start.re !== null}
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
              placeholder="may be left out"
              autocomplete="off"
              onInput={(event) => setSubject(event.currentTarget.value)}
            />
          </label>
        </div>
        <label class="field">
          <span>Message</span>
          <textarea
            rows={9}
            value={text}
            required
            name="message"
            autoFocus={to !== ''}
            placeholder="Markdown"
            onInput={(event) => setText(event.currentTarget.value)}
            onKeyDown={submitOnKeys}
          />
        </label>
        <div class="dialog-foot">
          <span class="hint">Ctrl + Enter</span>
          <button type="button" class="button" onClick={close}>
            Discard
          </button>
          <button type="submit" class="button main">
            Send …
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
