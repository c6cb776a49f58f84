/** The place to answer, below a conversation. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import type { Upload } from './api.ts';
import { Attach } from './attach.tsx';
import { planSend } from './changes.ts';
import { submitOnKeys } from './compose.tsx';
import { CheckedNames, NO_NAMES, RecipientField } from './recipients.tsx';
import type { Summary, ThreadPage } from '../told.ts';

export function Reply({
  page,
  summary,
}: {
  readonly page: ThreadPage;
  readonly summary: Summary | null;
}): VNode {
  const [text, setText] = useState('');
  const [files, setFiles] = useState<readonly Upload[]>([]);
  const [to, setTo] = useState<string | null>(null);
  const names = summary?.names ?? NO_NAMES;
  const last = page.messages.at(-1);
  const others = last === undefined ? [] : last.from === summary?.me ? last.to : [last.from];
  const recipients = to ?? others.join(', ');
  const send = (): void => {
    if (text.trim() === '' || last === undefined) return;
    const written = {
      to: recipients,
      channel: page.channel,
      subject: '',
      text,
      re: last.id,
      files,
    };
    setText('');
    setFiles([]);
    planSend(written, () => {
      setText(text);
      setFiles(files);
    });
  };
  return (
    <form
      class="reply"
      onSubmit={(event) => {
        event.preventDefault();
        send();
      }}
    >
      <label class="reply-to">
        <span>To</span>
        <RecipientField value={recipients} names={names} onInput={setTo} />
      </label>
      <CheckedNames value={recipients} names={names} onInput={setTo} />
      <textarea
        rows={3}
        value={text}
        name="reply"
        aria-label="Answer"
        placeholder={`Answer in #${page.channel}`}
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={submitOnKeys}
      />
      <div class="reply-foot">
        <Attach files={files} onChange={setFiles} />
        <span class="grow" />
        <span class="hint">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
        <button type="submit" class="button main" disabled={text.trim() === ''}>
          Send
        </button>
      </div>
    </form>
  );
}
