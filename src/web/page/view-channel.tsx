/** A channel as a list of conversations, and the open one beside it. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useAnswer } from './api.ts';
import { Avatar } from './avatar.tsx';
import { Icon } from './icon.tsx';
import { Ago, Empty, Go, Head, Loading, Pill, Trouble } from './parts.tsx';
import { ThreadView } from './view-thread.tsx';
import { compose } from './compose.tsx';
import { useTitle } from './state.ts';
import { plural } from './format.ts';
import type { ChannelPage, Summary, ThreadPage, ThreadRow } from '../told.ts';
import { channelInView } from './up.ts';

/** `name` is asked for, or the channel of the message `asked`. */
export function ChannelView({
  name,
  asked,
  summary,
}: {
  readonly name: string | null;
  readonly asked: string | null;
  readonly summary: Summary | null;
}): VNode {
  const [pages, setPages] = useState<{ readonly name: string; readonly count: number }>({
    name: '',
    count: 1,
  });
  const thread = useAnswer<ThreadPage>(
    asked === null ? null : `thread?id=${encodeURIComponent(asked)}`,
  );
  const channel = name ?? thread.data?.channel ?? null;
  useEffect(() => channelInView.set(channel), [channel]);
  useTitle(asked === null ? `#${channel ?? ''}` : null);
  const count = pages.name === channel ? pages.count : 1;
  const known = summary?.channels.find((one) => one.name === channel);
  return (
    <div class={`split ${asked === null ? '' : 'has-thread'}`}>
      <section class="list" aria-label="Conversations">
        <Head
          title={channel === null ? '…' : (known?.title ?? `#${channel}`)}
          about={known?.title == null ? known?.description : `#${known.name} ${known.description}`}
        >
          <button
            type="button"
            class="ghost"
            aria-label="New message here"
            title="New message (c)"
            onClick={() => compose('', channel ?? 'general')}
          >
            <Icon name="pen" />
          </button>
        </Head>
        {channel === null
          ? null
          : Array.from({ length: count }, (_, at) => (
              <Threads
                key={at}
                name={channel}
                page={at}
                asked={thread.data?.root ?? null}
                isLast={at === count - 1}
                onMore={() => setPages({ name: channel, count: count + 1 })}
              />
            ))}
      </section>
      {asked === null ? (
        <section class="pane">
          <Empty title="Choose a conversation">
            <p>
              <kbd>j</kbd> <kbd>k</kbd> and <kbd>Enter</kbd> do it without the mouse.
            </p>
          </Empty>
        </section>
      ) : (
        <section class="pane">
          <ThreadView
            key={thread.data?.root ?? asked}
            asked={asked}
            first={thread}
            summary={summary}
          />
        </section>
      )}
    </div>
  );
}

/** Conversations in one answer of the server. */
const PAGE = 40;

function Threads({
  name,
  page,
  asked,
  isLast,
  onMore,
}: {
  readonly name: string;
  readonly page: number;
  readonly asked: string | null;
  readonly isLast: boolean;
  readonly onMore: () => void;
}): VNode | null {
  const { data, problem } = useAnswer<ChannelPage>(
    `channel?name=${encodeURIComponent(name)}&from=${page * PAGE}`,
  );
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  if (data.total === 0)
    return (
      <Empty title="No messages yet">
        <p>
          <kbd>c</kbd> begins a conversation.
        </p>
      </Empty>
    );
  return (
    <>
      {data.threads.map((thread) => (
        <ThreadRowView key={thread.rootId} thread={thread} current={thread.rootId === asked} />
      ))}
      {isLast && data.next !== null ? (
        <button type="button" class="more" data-row onClick={onMore}>
          Older conversations
        </button>
      ) : null}
    </>
  );
}

function ThreadRowView({
  thread,
  current,
}: {
  readonly thread: ThreadRow;
  readonly current: boolean;
}): VNode {
  const { people, count, running, waiting, failures } = thread;
  const title = thread.subject ?? thread.first_line;
  return (
    <Go to={{ at: 'message', id: thread.rootId }} class="thread-row" current={current} row>
      <span class="thread-top">
        <span class="thread-who">
          {thread.from} <span class="soft">→ {thread.to.join(', ')}</span>
        </span>
        <Ago atMs={thread.lastMs} />
      </span>
      <span class="thread-title">
        {title !== '' ? title : thread.to.includes('workflow') ? 'A workflow' : 'without words'}
      </span>
      {thread.preview === '' ? null : <span class="thread-preview">{thread.preview}</span>}
      <span class="thread-foot">
        <span class="stack">
          {people.slice(0, 4).map((person) => (
            <Avatar key={person} name={person} small />
          ))}
        </span>
        <span>{count === 1 ? 'no answers' : plural(count - 1, 'answer')}</span>
        <span class="grow" />
        {running > 0 ? (
          <Pill state="running" text={running === 1 ? 'running' : `${running} running`} />
        ) : null}
        {running === 0 && waiting > 0 ? (
          <Pill state={thread.state === 'stale' ? 'stale' : 'open'} />
        ) : null}
        {failures > 0 ? (
          <Pill state="failed" text={failures === 1 ? 'failed' : `${failures} failed`} />
        ) : null}
      </span>
    </Go>
  );
}
