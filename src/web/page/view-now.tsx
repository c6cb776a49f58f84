/**
 * What goes on: the verdict first, then what needs a person with the command that fixes it, then
 * the rest.
 */
import type { ComponentChildren, VNode } from 'preact';
import { useAnswer } from './api.ts';
import { confirmAdopt, confirmAnswer, confirmRetry } from './acts.ts';
import { formatSpan, shortId } from './format.ts';
import { Ago, Avatar, Command, Empty, Fix, Go, Loading, Pill, Trouble } from './parts.tsx';
import type { Place } from './route.ts';
import type { Status, Summary, Work } from './told.ts';

const ROWS_MAX = 30;

export function NowView({ summary }: { readonly summary: Summary | null }): VNode {
  const { data, problem } = useAnswer<Status>('status');
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const resting = data.parked;
  const told = new Set(data.needs.flatMap(({ about }) => about));
  // What needs somebody stands above already.
  const asks = data.waiting.filter(({ path }) => !told.has(path));
  return (
    <div class="column">
      <header class={`verdict ${data.health === 'good' ? 'good' : 'warn'}`}>
        <h1>{data.verdict}</h1>
        {data.here === null ? (
          <p class="about">
            No dispatcher runs on this machine for this transport. <Command text="crosstalkd run" />
          </p>
        ) : null}
      </header>
      {problem === null ? null : <Trouble problem={problem} />}
      <Section title="Needs you" count={data.needs.length}>
        {data.needs.slice(0, ROWS_MAX).map((need) => (
          <article class="need" key={`${need.kind} ${need.says}`}>
            <p>{need.says}</p>
            <div class="need-foot">
              {need.fix === null ? null : <Fix fix={need.fix} />}
              {need.kind === 'failure' && need.run === null ? (
                <button
                  type="button"
                  class="button small"
                  onClick={() => confirmRetry(need.about[0] ?? '', need.model ?? '')}
                >
                  Retry …
                </button>
              ) : null}
              {need.question === null ? null : <Answers question={need.question} />}
              <NeedLink
                kind={need.kind}
                run={need.run}
                about={need.question === null ? need.about : [need.question]}
              />
            </div>
          </article>
        ))}
      </Section>
      <Section title="Running" count={data.running.length}>
        {data.running.slice(0, ROWS_MAX).map((work) => (
          <WorkRow key={`${work.id} ${work.to}`} work={work} state="running" />
        ))}
      </Section>
      <Section title="Waiting" count={asks.length}>
        {asks.slice(0, ROWS_MAX).map((work) => (
          <WorkRow key={`${work.id} ${work.to}`} work={work} state="waiting" />
        ))}
      </Section>
      <Section title="Answered too late" count={data.late.length}>
        {data.late.slice(0, ROWS_MAX).map((late) => (
          <article class="need" key={`${late.id} ${late.to}`}>
            <p>
              {late.id}: {late.says}
            </p>
            <div class="need-foot">
              {late.fix === null ? null : <Fix fix={late.fix} />}
              <button
                type="button"
                class="button small"
                onClick={() => confirmAdopt(late.id, late.to)}
              >
                Publish …
              </button>
              <NeedLink kind="late" run={null} about={[late.id]} />
            </div>
          </article>
        ))}
      </Section>
      <Section title="Resting models" count={resting.length}>
        {resting.map(({ host, model, says, forMs }) => (
          <div class="row plain" key={`${host} ${model}`}>
            <Avatar name={model} />
            <span class="row-main">
              <b>
                {model} on {host}
              </b>
              <span class="row-text">{says}</span>
            </span>
            <span class="row-side">
              {forMs === null ? 'until resumed' : `for ${formatSpan(forMs)}`}
            </span>
          </div>
        ))}
      </Section>
      {data.needs.length + data.running.length + data.waiting.length === 0 ? (
        <Empty
          title={
            summary !== null && summary.channels.length === 0
              ? 'Nothing was said here yet'
              : 'Nothing waits and nothing runs'
          }
        >
          <p>
            Press <kbd>c</kbd> to ask somebody, or <kbd>?</kbd> for all keys.
          </p>
        </Empty>
      ) : null}
    </div>
  );
}

export function Section({
  title,
  count,
  children,
}: {
  readonly title: string;
  readonly count: number;
  readonly children: ComponentChildren;
}): VNode | null {
  if (count === 0) return null;
  return (
    <section class="section">
      <h2>
        {title} <span class="count">{count}</span>
      </h2>
      <div class="rows">{children}</div>
      {count > ROWS_MAX ? <p class="hint">… and {count - ROWS_MAX} more</p> : null}
    </section>
  );
}

/** Yes or no, each after a question. */
function Answers({ question }: { readonly question: string }): VNode {
  return (
    <>
      {(['approve', 'deny'] as const).map((choice) => (
        <button
          type="button"
          class="button small"
          key={choice}
          onClick={() => confirmAnswer(question, choice)}
        >
          {choice === 'approve' ? 'Approve …' : 'Deny …'}
        </button>
      ))}
    </>
  );
}

function WorkRow({ work, state }: { readonly work: Work; readonly state: string }): VNode {
  return (
    <Go
      to={
        work.kind === 'workflow'
          ? { at: 'run', id: work.id, tab: 'graph' }
          : { at: 'message', id: work.id }
      }
      class="row"
      row
    >
      <Avatar name={work.to} />
      <span class="row-main">
        <b>
          {work.kind === 'workflow' ? 'a run' : work.to} <span class="soft">for {work.from}</span>
        </b>
        <span class="row-text">{work.says}</span>
      </span>
      <span class="row-side">
        <Pill
          state={work.kind === 'workflow' ? 'compile' : state}
          {...(work.kind === 'workflow' ? { text: 'open' } : {})}
        />
        {work.sinceMs === undefined ? (
          <span class="mono">{shortId(work.id)}</span>
        ) : (
          <Ago atMs={work.sinceMs} />
        )}
      </span>
    </Go>
  );
}

/** About files that are no messages: there is nothing to open. */
const FILES: readonly string[] = ['rejected', 'files-rejected', 'unsent'];

/** Where the thing that needs somebody can be seen, and often done. */
function NeedLink({
  kind,
  run,
  about,
}: {
  readonly kind: string;
  readonly run: string | null;
  readonly about: readonly string[];
}): VNode | null {
  const [first] = about;
  const to: Place | null =
    run !== null
      ? { at: 'run', id: run, tab: 'graph' }
      : FILES.includes(kind) || first === undefined
        ? null
        : { at: 'message', id: first };
  return to === null ? null : (
    <Go to={to} class="button small" row>
      {run === null ? 'Open the message' : 'Open the run'}
    </Go>
  );
}
