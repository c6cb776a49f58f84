/** Search over everything that was said, with the filters of the command. */
import type { VNode } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { useAnswer } from './api.ts';
import { Avatar } from './avatar.tsx';
import { Ago, Choice, Empty, Go, Head, Loading, Pill, Trouble } from './parts.tsx';
import { plural } from './format.ts';
import { goTo, useTitle } from './state.ts';
import type { Found, Summary } from '../told.ts';

const SINCE = [
  ['', 'Any time'],
  ['1d', 'Day'],
  ['7d', 'Week'],
  ['30d', 'Month'],
] as const;

export function SearchView({
  query,
  summary,
}: {
  readonly query: string;
  readonly summary: Summary | null;
}): VNode {
  const [text, setText] = useState(query);
  const [channel, setChannel] = useState('');
  const [from, setFrom] = useState('');
  const [since, setSince] = useState<(typeof SINCE)[number][0]>('');
  const [failed, setFailed] = useState(false);
  useEffect(() => setText(query), [query]);
  useTitle('Search');
  useEffect(() => {
    const timer = setTimeout(
      () => goTo({ at: 'search', query: text.trim() }, { replace: true }),
      250,
    );
    return () => clearTimeout(timer);
  }, [text]);
  const filters = {
    q: query,
    channel,
    from: from.trim().toLowerCase(),
    since,
    failed: failed ? '1' : '',
    number: '100',
  };
  const asked =
    query === ''
      ? null
      : `search?${new URLSearchParams(Object.entries(filters).filter(([, value]) => value !== '')).toString()}`;
  return (
    <div class="column">
      <Head title="Search" />
      <form class="search" role="search" onSubmit={(event) => event.preventDefault()}>
        <input
          type="search"
          aria-label="Search"
          placeholder="Words to find"
          value={text}
          autoFocus
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <div class="filters">
          <select
            aria-label="Channel"
            value={channel}
            onChange={(event) => setChannel(event.currentTarget.value)}
          >
            <option value="">Every channel</option>
            {(summary?.channels ?? []).map(({ name }) => (
              <option key={name} value={name}>
                #{name}
              </option>
            ))}
          </select>
          <input
            aria-label="From"
            placeholder="From anybody"
            list="people"
            value={from}
            autocomplete="off"
            onInput={(event) => setFrom(event.currentTarget.value)}
          />
          <datalist id="people">
            {[
              ...(summary?.names.people ?? []),
              ...(summary?.names.models ?? []).map((one) => one.name),
            ].map((name) => (
              <option key={name} value={name} />
            ))}
          </datalist>
          <Choice label="Since" value={since} options={SINCE} onChoose={setSince} />
          <label class="check">
            <input
              type="checkbox"
              checked={failed}
              onChange={(event) => setFailed(event.currentTarget.checked)}
            />{' '}
            failures only
          </label>
        </div>
      </form>
      <Results query={query} asked={asked} />
    </div>
  );
}

function Results({
  query,
  asked,
}: {
  readonly query: string;
  readonly asked: string | null;
}): VNode {
  const { data, problem } = useAnswer<Found>(asked);
  if (asked === null)
    return (
      <Empty title="Search in messages and answers">
        <p>
          The terminal can do it, too: <code>crosstalkd search</code>
        </p>
      </Empty>
    );
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const found = data.data?.found ?? 0;
  const messages = [...(data.data?.messages ?? [])].reverse();
  if (messages.length === 0) return <Empty title={`No message contains “${query}”`} />;
  return (
    <section class="section">
      <h2 aria-live="polite">
        {plural(found, 'message')}
        {found > messages.length ? <span class="count">the newest {messages.length}</span> : null}
      </h2>
      <div class="rows">
        {messages.map((one) => (
          <Go key={one.id} to={{ at: 'message', id: one.id }} class="row" row>
            <Avatar name={one.from} />
            <span class="row-main">
              <b>
                {one.from} <span class="soft">→ {one.to.join(', ')}</span>
              </b>
              <span class="row-text">
                <Marked text={one.excerpt ?? one.subject ?? one.first_line} word={query} />
              </span>
            </span>
            <span class="row-side">
              {one.state === 'failed' ? (
                <Pill state="failed" />
              ) : (
                <span class="soft">#{one.channel}</span>
              )}
              <Ago atMs={Date.parse(one.at)} />
            </span>
          </Go>
        ))}
      </div>
    </section>
  );
}

function Marked({ text, word }: { readonly text: string; readonly word: string }): VNode {
  const at = text.toLowerCase().indexOf(word.toLowerCase());
  if (at < 0) return <>{text}</>;
  return (
    <>
      {text.slice(0, at)}
      <mark>{text.slice(at, at + word.length)}</mark>
      {text.slice(at + word.length)}
    </>
  );
}
