/**
 * One conversation: its messages from the first to the last, what is still awaited, and a place to
 * answer.
 */
import type { VNode } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Answer, useAnswer } from './api.ts';
import { confirmCancel, planRetry } from './changes.ts';
import { formatCount, formatSpan, formatUsd, plural } from './format.ts';
import { Answers } from './gate-card.tsx';
import { LongText } from './long-text.tsx';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { Ago, Empty, Go, Loading, Pill, Trouble, copy } from './parts.tsx';
import { HistoryView } from './history.tsx';
import { OutputView } from './output.tsx';
import { WhyView } from './why.tsx';
import { Reply } from './reply-form.tsx';
import { useTitle } from './state.ts';
import type { Message, Status, Summary, ThreadPage } from '../told.ts';

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
  const [root] = data?.messages ?? [];
  const { data: status } = useAnswer<Status>('status');
  const gate = status?.gates.find(({ id, mine }) => mine && id === data?.asked);
  const title = root?.subject ?? firstLine(root?.body ?? '');
  useTitle(title);
  if (data === null)
    return first.problem === null ? <Loading /> : <NotFound problem={first.problem} />;
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
      {gate === undefined ? (
        <Reply page={data} summary={summary} />
      ) : (
        <section class="gate" aria-label={`Gate ${gate.gate}`}>
          <Answers gate={gate} />
        </section>
      )}
    </article>
  );
}

function NotFound({
  problem,
}: {
  readonly problem: NonNullable<Answer<unknown>['problem']>;
}): VNode {
  return (
    <Empty title="This message is not here" isPage>
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
  const [open, setOpen] = useState<Opened | null>(null);
  const toggle = (what: Opened): void => setOpen(open === what ? null : what);
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
          <h2 class="from">{message.from}</h2>
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
          <p class="subject">{message.subject}</p>
        ) : null}
        {message.failed === true ? (
          <p class="failure">
            No answer: <b>{message.error ?? 'no reason given'}</b>
          </p>
        ) : null}
        <Body message={message} />
        <Facts message={message} />
        {waits.map((wait) => (
          <p class="awaits" key={wait.name}>
            <i class={wait.host === null ? 'pulse wait' : 'pulse live'} />
            <b>{wait.name}</b>{' '}
            {wait.host === null
              ? 'has not answered yet'
              : `works on it on ${wait.host}${wait.attempt !== null && wait.attempt > 1 ? `, attempt ${wait.attempt}` : ''}`}
          </p>
        ))}
        {open === 'why' ? <WhyView id={message.id} /> : null}
        {open === 'output' ? <OutputView id={message.id} /> : null}
        {open === 'history' ? <HistoryView id={message.id} path={message.path} /> : null}
        <MessageFoot message={message} opened={open} onOpen={toggle} />
      </div>
    </section>
  );
}

/** What can be opened below a message. */
type Opened = 'why' | 'output' | 'history';

const OPENED = [
  ['why', 'Why?'],
  ['output', 'Output'],
  ['history', 'History'],
] as const;

function MessageFoot({
  message,
  opened,
  onOpen,
}: {
  readonly message: Message;
  readonly opened: Opened | null;
  readonly onOpen: (what: Opened) => void;
}): VNode {
  const names = message.waits.map(({ name }) => name);
  const isReply = message.reply_to !== null;
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
      {OPENED.filter(([what]) => !isReply || what === 'history').map(([what, word]) => (
        <button
          key={what}
          type="button"
          class="link"
          aria-expanded={opened === what}
          onClick={() => onOpen(what)}
        >
          {word}
        </button>
      ))}
      {message.starts_run ? (
        <Go to={{ at: 'run', id: message.id, tab: 'graph' }} class="link">
          Open the run
        </Go>
      ) : null}
      {message.may_retry && !message.starts_run ? (
        <button
          type="button"
          class="link"
          data-press="R"
          onClick={() => planRetry(message.id, message.to.join(', '))}
        >
          Retry
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

function Body({ message }: { readonly message: Message }): VNode {
  const [whole, setWhole] = useState(false);
  const more = useAnswer<{ readonly body: string }>(
    whole && message.cut ? `body?id=${encodeURIComponent(message.id)}` : null,
  );
  const text = more.data?.body ?? message.body;
  if (text.trim() === '') return <p class="soft">without words</p>;
  return (
    <LongText
      text={text}
      lines={LINES_SHOWN}
      {...(message.cut ? { more: () => setWhole(true) } : {})}
    />
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
    ...warnings,
  ].filter((fact) => fact !== null);
  return facts.length + files.length === 0 ? null : (
    <p class="facts">
      {facts.map((fact) => (
        <span key={fact}>{fact}</span>
      ))}
      {files.map((path) => (
        <a
          key={path}
          href={`/api/file?${new URLSearchParams({ id: message.id, path }).toString()}`}
          download={path.slice(path.lastIndexOf('/') + 1)}
        >
          {path.slice(path.lastIndexOf('/') + 1)}
        </a>
      ))}
    </p>
  );
}
