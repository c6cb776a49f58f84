/**
 * What is running: the verdict first, then what needs a person with the command that fixes it, then
 * the rest.
 */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { planAdopt, planDismiss, planOrder, planRetry } from './changes.ts';
import { formatSpan } from './format.ts';
import { GateCard } from './gate-card.tsx';
import { Question } from './question.tsx';
import { RunLine } from './run-line.tsx';
import { ROWS_MAX, Section } from './section.tsx';
import { useTitle } from './state.ts';
import { Avatar } from './avatar.tsx';
import { Ago, Command, Empty, Fix, Go, Loading, Pill, Trouble } from './parts.tsx';
import type { Need, RunList, Status, Summary, Work } from '../told.ts';

export function NowView({ summary }: { readonly summary: Summary | null }): VNode {
  const { data, problem } = useAnswer<Status>('status');
  const { data: all } = useAnswer<RunList>('runs');
  useTitle('Now');
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const told = new Set(data.needs.flatMap(({ about }) => about));
  // What needs somebody stands above already, and runs have their own section.
  const asks = data.waiting.filter(({ path, kind }) => !told.has(path) && kind !== 'workflow');
  const runs = (all?.runs ?? []).filter(({ over }) => !over);
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
      <Needs status={data} />
      <Section title="Running" count={data.running.length}>
        {data.running.slice(0, ROWS_MAX).map((work) => (
          <WorkRow key={`${work.id} ${work.to}`} work={work} words={data.words} state="running" />
        ))}
      </Section>
      <Section title="Runs" count={runs.length}>
        {runs.slice(0, ROWS_MAX).map((run) => (
          <RunLine key={run.run} run={run} />
        ))}
      </Section>
      <Section title="Waiting" count={asks.length}>
        {asks.slice(0, ROWS_MAX).map((work) => (
          <WorkRow key={`${work.id} ${work.to}`} work={work} words={data.words} state="waiting" />
        ))}
      </Section>
      <Section title="Answered too late" count={data.late.length}>
        {data.late.slice(0, ROWS_MAX).map((late) => (
          <article class="need" key={`${late.id} ${late.to}`} data-row tabIndex={-1}>
            <p>
              {late.id}: {late.says}
            </p>
            <div class="need-foot">
              <button
                type="button"
                class="button small"
                onClick={() => planAdopt(late.id, late.to)}
              >
                Publish
              </button>
              <Go to={{ at: 'message', id: late.id }} class="button small">
                Open the message
              </Go>
            </div>
          </article>
        ))}
      </Section>
      <Section title="Resting models" count={data.parked.length}>
        {data.parked.map(({ host, model, says, forMs }) => (
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
              ? 'No messages yet'
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

/** What needs somebody: questions with their answers, and everything else with what helps. */
function Needs({ status }: { readonly status: Status }): VNode {
  const { gates, needs } = status;
  const others = needs.filter(
    ({ kind, run }) => kind !== 'gate' || !gates.some((gate) => gate.run === run),
  );
  const count = gates.length + others.length;
  if (count === 0) return <></>;
  return (
    <section class="section">
      <h2>
        Needs you <span class="count">{count}</span>
      </h2>
      {gates.map((gate) => (
        <GateCard key={gate.id} gate={gate} />
      ))}
      {others.length === 0 ? null : (
        <div class="rows">
          {others.slice(0, ROWS_MAX).map((need) => (
            <NeedRow key={`${need.kind} ${need.says}`} need={need} words={status.words} />
          ))}
        </div>
      )}
      {others.length > ROWS_MAX ? (
        <p class="hint">… and {others.length - ROWS_MAX} more: crosstalkd status --json</p>
      ) : null}
    </section>
  );
}

/** Asked again or dismissed in place; for the rest the page shows a command. */
const FAILURES: readonly string[] = ['failure', 'outcome-unknown'];
/** About files that are not messages: there is nothing to open. */
const FILES: readonly string[] = ['rejected', 'files-rejected', 'unsent'];

function NeedRow({ need, words }: { readonly need: Need; readonly words: Status['words'] }): VNode {
  const { kind, model, about } = need;
  const said = FILES.includes(kind) ? undefined : words[about[0] ?? ''];
  return (
    <article class="need" data-row tabIndex={-1}>
      {said === undefined ? null : (
        <p class="need-about">
          {model === null ? null : (
            <>
              <Avatar name={model} small /> <b>{model}</b>{' '}
            </>
          )}
          <span class="soft">← {said.from}</span> “{said.text}”
        </p>
      )}
      <p class={said === undefined ? '' : 'soft'}>{need.says}</p>
      {need.question === null ? null : <Question id={need.question} />}
      <NeedFoot need={need} />
    </article>
  );
}

function NeedFoot({ need }: { readonly need: Need }): VNode {
  const { kind, run, model, about, fix, count } = need;
  const what = run ?? need.question ?? about[0] ?? '';
  const isFailure = FAILURES.includes(kind);
  const isFile = FILES.includes(kind);
  return (
    <div class="need-foot">
      {isFailure ? (
        <button
          type="button"
          class="button small"
          data-press="R"
          onClick={() => (run === null ? planRetry(what, model ?? '') : planOrder(run, 'retry'))}
        >
          Retry
        </button>
      ) : null}
      {isFailure || (kind === 'rejected' && count === 1) ? (
        <button
          type="button"
          class="button small"
          data-press="x"
          onClick={() =>
            planDismiss(what, isFile ? what : (run ?? `the failure of ${model ?? ''}`))
          }
        >
          Dismiss
        </button>
      ) : null}
      {fix === null || isFailure || need.question !== null ? null : <Fix fix={fix} />}
      {isFile || what === '' ? null : (
        <Go
          to={run === null ? { at: 'message', id: what } : { at: 'run', id: run, tab: 'graph' }}
          class="button small"
        >
          {run === null ? 'Open the message' : 'Open the run'}
        </Go>
      )}
    </div>
  );
}

function WorkRow({
  work,
  words,
  state,
}: {
  readonly work: Work;
  readonly words: Status['words'];
  readonly state: string;
}): VNode {
  const said = words[work.path];
  return (
    <Go to={{ at: 'message', id: work.id }} class="row" row>
      <Avatar name={work.to} />
      <span class="row-main">
        <b>
          {work.to} <span class="soft">← {work.from}</span>{' '}
          {said === undefined || said.text === '' ? '' : `“${said.text}”`}
        </b>
        <span class="row-text">{work.says}</span>
      </span>
      <span class="row-side">
        <Pill state={state} />
        {'sinceMs' in work ? <Ago atMs={work.sinceMs} /> : null}
      </span>
    </Go>
  );
}
