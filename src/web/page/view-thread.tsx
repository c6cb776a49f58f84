/**
 * One conversation: its messages from the first to the last, what is still awaited, and a place to
 * answer.
 */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, useAnswer } from './api.ts';
import { confirmCancel, confirmRetry } from './acts.ts';
import { confirmSend, submitOnKeys } from './dialogs.tsx';
import { formatCount, formatSpan, formatUsd, plural } from './format.ts';
import { Markdown } from './markdown.tsx';
import { Ago, Avatar, Empty, Go, Icon, Loading, Pill, Trouble, copy } from './parts.tsx';
import { WhyView } from './why.tsx';
import { goTo } from './state.ts';
import type { Message, Summary, ThreadPage } from './told.ts';

export function ThreadView({
  asked,
  first,
  summary,
}: {
  readonly asked: string;
  readonly first: Answer<ThreadPage>;
  readonly summary: Summary | null;
}): VNode {
  const [from, setFrom] = useState<number | null>(null);
  const all = useAnswer<ThreadPage>(
    from === null ? null : `thread?id=${encodeURIComponent(asked)}&from=${from}`,
  );
  const data = all.data ?? first.data;
  const shown = useRef('');
  useEffect(() => {
    if (data === null || shown.current === data.asked) return;
    shown.current = data.asked;
    const element = document.getElementById(`m-${data.asked}`);
    const pane = document.querySelector('.pane');
    if (data.asked === data.root) pane?.scrollTo({ top: 0 });
    else element?.scrollIntoView({ block: 'center' });
  }, [data]);
  if (data === null)
    return first.problem === null ? <Loading /> : <NotFound problem={first.problem} />;
  const [root] = data.messages;
  const title = root?.subject ?? firstLine(root?.body ?? '');
  return (
    <article class="thread" aria-label={title}>
      <header class="thread-head">
        <Go
          to={{ at: 'channel', name: data.channel }}
          class="ghost back"
          title="To the channel (u)"
        >
          <Icon name="back" />
        </Go>
        <div>
          <h1>{title}</h1>
          <p class="about">
            <Go to={{ at: 'channel', name: data.channel }}>#{data.channel}</Go> ·{' '}
            {plural(data.total, 'message')}
          </p>
        </div>
      </header>
      {data.messages.map((message, at) => (
        <>
          {at === 1 && data.start > 1 ? (
            <button
              type="button"
              class="more"
              data-row
              onClick={() => setFrom(Math.max(0, data.start - 100))}
            >
              {plural(data.start - 1, 'earlier message')}
            </button>
          ) : null}
          <MessageView
            key={message.id}
            message={message}
            before={data.messages[at - 1] ?? null}
            isAsked={message.id === data.asked && data.asked !== data.root}
          />
        </>
      ))}
      {data.end < data.total ? (
        <button
          type="button"
          class="more"
          data-row
          onClick={() => setFrom(Math.max(0, data.start))}
        >
          {plural(data.total - data.end, 'later message')}
        </button>
      ) : null}
      <Reply page={data} me={summary?.me ?? null} />
    </article>
  );
}

function NotFound({
  problem,
}: {
  readonly problem: NonNullable<Answer<unknown>['problem']>;
}): VNode {
  return (
    <Empty title="This message is not here">
      <Trouble problem={problem} />
    </Empty>
  );
}

function firstLine(body: string): string {
  return (
    body
      .split('\n')
      .find((line) => line.trim() !== '')
      ?.replace(/^[\s#>*-]+/, '')
      .slice(0, 160) ?? ''
  );
}

function MessageView({
  message,
  before,
  isAsked,
}: {
  readonly message: Message;
  readonly before: Message | null;
  readonly isAsked: boolean;
}): VNode {
  const [whole, setWhole] = useState(false);
  const [why, setWhy] = useState(false);
  const { parent, waits } = message;
  const isReply = message.reply_to !== null;
  return (
    <section
      class={`message ${isReply ? 'is-reply' : ''} ${message.failed === true ? 'is-failed' : ''} ${isAsked ? 'is-asked' : ''}`}
      id={`m-${message.id}`}
      tabIndex={-1}
    >
      <Avatar name={message.from} />
      <div class="message-main">
        <header class="message-head">
          <b>{message.from}</b>
          {message.host == null ? null : (
            <Go to={{ at: 'hosts', name: message.host }} class="soft">
              on {message.host}
            </Go>
          )}
          <span class="soft to">→ {message.to.join(', ')}</span>
          {['reply', 'note', 'answered'].includes(message.state) ? null : (
            <Pill state={message.state} />
          )}
          <span class="grow" />
          <Go to={{ at: 'message', id: message.id }} class="when">
            <Ago atMs={message.at_ms} />
          </Go>
        </header>
        {parent !== null && parent.id !== before?.id ? (
          <Go to={{ at: 'message', id: parent.id }} class="answers">
            <Icon name="reply" /> to {parent.from}
          </Go>
        ) : null}
        {message.subject !== null && before !== null ? (
          <h2 class="subject">{message.subject}</h2>
        ) : null}
        {message.failed === true ? (
          <p class="failure">
            No answer: <b>{message.error ?? 'no reason given'}</b>
          </p>
        ) : null}
        <Body message={message} whole={whole} onWhole={() => setWhole(true)} />
        <Facts message={message} />
        {waits.map((wait) => (
          <p class="awaits" key={wait.name}>
            <i class={wait.host === null ? 'pulse wait' : 'pulse live'} />
            <b>{wait.name}</b>{' '}
            {wait.host === null
              ? 'is awaited'
              : `works on it on ${wait.host}${wait.attempt !== null && wait.attempt > 1 ? `, attempt ${wait.attempt}` : ''}`}
          </p>
        ))}
        {why ? <WhyView id={message.id} /> : null}
        <MessageFoot message={message} isExplained={why} onExplain={() => setWhy(!why)} />
      </div>
    </section>
  );
}

function MessageFoot({
  message,
  isExplained,
  onExplain,
}: {
  readonly message: Message;
  readonly isExplained: boolean;
  readonly onExplain: () => void;
}): VNode {
  const names = message.waits.map(({ name }) => name);
  return (
    <footer class="message-foot">
      <button
        type="button"
        class="link"
        onClick={() =>
          copy(`${location.origin}/m/${encodeURIComponent(message.id)}`, 'Link copied')
        }
      >
        Copy link
      </button>
      {message.reply_to !== null ? null : (
        <button type="button" class="link" aria-expanded={isExplained} onClick={onExplain}>
          {isExplained ? 'Hide why' : 'Why?'}
        </button>
      )}
      {message.starts_run ? (
        <Go to={{ at: 'run', id: message.id, tab: 'graph' }} class="link">
          Open the run
        </Go>
      ) : null}
      {message.may_retry && !message.starts_run ? (
        <button
          type="button"
          class="link"
          onClick={() => confirmRetry(message.id, message.to.join(', '))}
        >
          Retry …
        </button>
      ) : null}
      {names.length > 0 && !message.starts_run ? (
        <button type="button" class="link" onClick={() => confirmCancel(message.id, names)}>
          Cancel …
        </button>
      ) : null}
    </footer>
  );
}

/** Lines of a body that are shown at once. */
const LINES_SHOWN = 60;
const CHARS_SHOWN = 6_000;

function Body({
  message,
  whole,
  onWhole,
}: {
  readonly message: Message;
  readonly whole: boolean;
  readonly onWhole: () => void;
}): VNode {
  const more = useAnswer<{ readonly body: string }>(
    whole && message.cut ? `body?id=${encodeURIComponent(message.id)}` : null,
  );
  const text = more.data?.body ?? message.body;
  const short = text.split('\n').slice(0, LINES_SHOWN).join('\n').slice(0, CHARS_SHOWN);
  const isLong = short.length < text.length || message.cut;
  // Cut inside of a block of code, what follows would be drawn as its end.
  const shown =
    whole || !isLong
      ? text
      : `${short}${(short.match(/^```/gm)?.length ?? 0) % 2 === 1 ? '\n```' : ''}`;
  if (text.trim() === '') return <p class="soft">without words</p>;
  return (
    <>
      <Markdown text={shown} />
      {isLong && !whole ? (
        <button type="button" class="more inline" onClick={onWhole}>
          Show all of it
        </button>
      ) : null}
    </>
  );
}

function Facts({ message }: { readonly message: Message }): VNode | null {
  const {
    duration_ms,
    tokens_in,
    tokens_out,
    cost_usd,
    agent,
    attempt,
    as,
    project,
    priority,
    files,
    warnings,
  } = message;
  const facts = [
    agent ?? null,
    attempt == null || attempt === 1 ? null : `attempt ${attempt}`,
    duration_ms == null ? null : formatSpan(duration_ms),
    tokens_in == null && tokens_out == null
      ? null
      : `${formatCount(tokens_in ?? 0)} in, ${formatCount(tokens_out ?? 0)} out`,
    cost_usd == null ? null : formatUsd(cost_usd),
    as === null ? null : `as ${as}`,
    project === null ? null : `project ${project}`,
    priority === 0 ? null : `priority ${priority}`,
    ...files,
    ...warnings,
  ].filter((fact) => fact !== null);
  return facts.length === 0 ? null : (
    <p class="facts">
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
    </p>
  );
}

function Reply({ page, me }: { readonly page: ThreadPage; readonly me: string | null }): VNode {
  const [text, setText] = useState('');
  const last = page.messages.at(-1);
  const others = last === undefined ? [] : last.from === me ? last.to : [last.from];
  const [to, setTo] = useState<string | null>(null);
  const recipients = to ?? others.join(', ');
  return (
    <form
      class="reply"
      onSubmit={(event) => {
        event.preventDefault();
        if (text.trim() === '' || last === undefined) return;
        confirmSend(
          { to: recipients, channel: page.channel, text, subject: '', re: last.id, me },
          (id) => {
            setText('');
            if (id !== '') goTo({ at: 'message', id });
          },
        );
      }}
    >
      <label class="reply-to">
        <span>To</span>
        <input
          value={recipients}
          name="reply-to"
          aria-label="To"
          autocomplete="off"
          spellcheck={false}
          onInput={(event) => setTo(event.currentTarget.value)}
        />
      </label>
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
        <span class="hint">
          <kbd>Ctrl</kbd> <kbd>Enter</kbd>
        </span>
        <button type="submit" class="button main" disabled={text.trim() === ''}>
          Send …
        </button>
      </div>
    </form>
  );
}
