/** What an agent asks to be allowed, whole, with the answers beside it. */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from './api.ts';
import { planAnswer } from './changes.ts';
import { LongText } from './long-text.tsx';
import { Loading, Trouble } from './parts.tsx';

/** Lines of the question that are shown at once. */
const LINES_SHOWN = 60;

export function Question({ id }: { readonly id: string }): VNode {
  const [text, setText] = useState('');
  const { data, problem } = useAnswer<{ readonly body: string }>(
    `body?id=${encodeURIComponent(id)}`,
  );
  const answer = (choice: 'approve' | 'deny'): void => {
    planAnswer(id, { choice, text: text.trim() }, () => setText(text));
    setText('');
  };
  // Nobody allows what cannot be read.
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  return (
    <form
      class="decide"
      onSubmit={(event) => {
        event.preventDefault();
        answer('approve');
      }}
    >
      <LongText text={data.body} lines={LINES_SHOWN} />
      <textarea
        rows={1}
        value={text}
        aria-label="Comment"
        placeholder="Comment (optional)"
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <div class="decide-foot">
        <button type="submit" class="button main" data-press="a">
          Allow it once
        </button>
        <button type="button" class="button" data-press="d" onClick={() => answer('deny')}>
          Deny
        </button>
      </div>
    </form>
  );
}
