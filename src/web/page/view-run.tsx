/** One run: its gates first, then its graph, its timeline, or its tasks. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { confirmCancelRun, planOrder } from './changes.ts';
import { formatCount, formatSpan, formatUsd, formatWhole } from './format.ts';
import { Graph } from './graph.tsx';
import { Markdown } from './markdown.tsx';
import { Avatar } from './avatar.tsx';
import { Ago, Choice, FactsRow, Fix, Go, Head, Loading, Pill, Trouble } from './parts.tsx';
import type { RunTab } from './route.ts';
import { groupsOf, labelOf } from './place-in-run.ts';
import { GateCard } from './gate-card.tsx';
import { clock, goTo, useCell, useTitle } from './state.ts';
import { whoDoes } from './who-does.ts';
import { Timeline } from './timeline.tsx';
import type { Run, Task } from '../told.ts';

const TABS = [
  ['graph', 'Graph'],
  ['timeline', 'Timeline'],
  ['tasks', 'Tasks'],
] as const;

export function RunView({ id, tab }: { readonly id: string; readonly tab: RunTab }): VNode {
  const { data, problem } = useAnswer<Run>(`run?id=${encodeURIComponent(id)}`);
  useTitle(data === null ? '' : nameOf(data));
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const open = data.gates.filter(({ state }) => state === 'open');
  const needs = data.waits.filter(({ needs_person, kind }) => needs_person && kind !== 'gate');
  const missed = data.counts.failed + data.counts.cancelled;
  return (
    <div class="column wide">
      <Head
        title={
          <>
            {nameOf(data)} <Pill state={data.status} />
          </>
        }
        about={
          <>
            {nameOf(data) === data.run ? null : <code>{data.run}</code>} asked by {data.from},{' '}
            <Ago atMs={data.atMs} inText /> ·{' '}
            <Go to={{ at: 'message', id: data.markerId }}>the message that started it</Go> ·{' '}
            <Go to={{ at: 'channel', name: data.run }}>its channel</Go>
          </>
        }
      >
        {data.over ? null : (
          <button
            type="button"
            class="button small"
            onClick={() => planOrder(data.run, data.status === 'paused' ? 'resume' : 'pause')}
          >
            {data.status === 'paused' ? 'Resume' : 'Pause'}
          </button>
        )}
        {missed > 0 && data.over ? (
          <button
            type="button"
            class="button small"
            data-press="R"
            onClick={() => planOrder(data.run, 'retry')}
          >
            Retry
          </button>
        ) : null}
        {data.over ? null : (
          <button
            type="button"
            class="button small harsh"
            onClick={() => confirmCancelRun(data.run)}
          >
            Cancel …
          </button>
        )}
      </Head>
      <Inputs run={data} />
      <Counts run={data} />
      {open.length === 0 ? null : (
        <section class="section" aria-label="Waits for people">
          <h2>Waits for people</h2>
          {open.map((gate) => (
            <GateCard key={gate.id} gate={{ ...gate, run: data.run, me: data.me }} inRun />
          ))}
        </section>
      )}
      {needs.slice(0, 5).map(({ says, fix }) => (
        <article class="need" key={says}>
          <p>{says}</p>
          {fix === null ? null : <Fix fix={fix} />}
        </article>
      ))}
      <div class="tabs">
        <Choice
          label="View"
          value={tab}
          options={TABS}
          onChoose={(next) => goTo({ at: 'run', id: data.run, tab: next }, { replace: true })}
        />
      </div>
      {tab === 'graph' ? (
        <Graph run={data} />
      ) : tab === 'timeline' ? (
        <Timeline run={data} />
      ) : (
        <Tasks run={data} />
      )}
      {data.answer === null ? null : (
        <section class="section">
          <h2>Answer</h2>
          <div class="card">
            <Markdown text={data.answer.replace(/^---\n[\s\S]*?\n---\n/, '')} />
          </div>
        </section>
      )}
    </div>
  );
}

/** What people call it: the name of its workflow. */
function nameOf({ name, run }: Run): string {
  return name === '' ? run : name;
}

function Inputs({ run }: { readonly run: Run }): VNode | null {
  if (run.inputs.length === 0) return null;
  return (
    <dl class="inputs">
      {run.inputs.map(({ name, text }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd dir="auto">{text === '' ? <span class="soft">empty</span> : text}</dd>
        </div>
      ))}
    </dl>
  );
}

type Limit = keyof NonNullable<Run['budget']>['limits'];

function Counts({ run }: { readonly run: Run }): VNode {
  const { counts, budget } = run;
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const limit = (key: Limit, show: (value: number) => string): string => {
    const value = budget?.limits[key];
    return value == null ? '' : ` of ${show(value)}`;
  };
  const ends = run.tasks.flatMap(({ endMs }) => endMs ?? []);
  const nowMs = useCell(clock);
  const lastMs = run.over ? Math.max(run.atMs, ...ends) : Math.max(run.atMs, nowMs);
  const facts: readonly (readonly [string, string])[] = [
    ['tasks done', `${counts.succeeded} of ${all}`],
    ...(['failed', 'cancelled'] as const).flatMap((state) => {
      const count = counts[state];
      return count > 0 ? [[state, String(count)] as const] : [];
    }),
    ...(run.over && ends.length === 0
      ? []
      : [[run.over ? 'took' : 'open for', formatSpan(lastMs - run.atMs)] as const]),
    ...(budget === null
      ? []
      : [['agents', `${formatWhole(budget.agents)}${limit('agents', formatWhole)}`] as const]),
    ...(budget === null || (budget.tokens === 0 && budget.limits.tokens == null)
      ? []
      : [['tokens', `${formatCount(budget.tokens)}${limit('tokens', formatCount)}`] as const]),
    ...(budget === null || (budget.usd === 0 && budget.limits.usd == null)
      ? []
      : [['cost', `${formatUsd(budget.usd)}${limit('usd', formatUsd)}`] as const]),
  ];
  return <FactsRow facts={facts} />;
}

function Tasks({ run }: { readonly run: Run }): VNode {
  if (run.tasks.length === 0) return <p class="hint">No task was sent yet.</p>;
  const votes = run.steps.filter((step) => step.tally !== null);
  return (
    <>
      {votes.map(({ folder, id, tally }) => (
        <p class="card tally" key={folder}>
          <b>{id}</b> {groupsOf(folder)}{' '}
          {tally?.counts.map(({ value, names }) => (
            <span class="chip" key={value}>
              {tally.field} {value}: {names.length} ({names.join(', ')})
            </span>
          ))}
        </p>
      ))}
      <div class="rows">
        {run.tasks.map((task) => (
          <TaskRow key={task.path} task={task} />
        ))}
      </div>
    </>
  );
}

function TaskRow({ task }: { readonly task: Task }): VNode {
  const label = labelOf(task);
  return (
    <Go to={{ at: 'message', id: task.id }} class="row" row>
      <Avatar name={task.to} />
      <span class="row-main">
        <b>
          {task.step}
          {label === '' ? null : <span class="soft"> {label}</span>}
        </b>
        <span class="row-text">{task.why ?? whoDoes(task)}</span>
      </span>
      <span class="row-side">
        <Pill state={task.state === 'open' && task.heldBy !== null ? 'running' : task.state} />
        <span class="soft">
          {[
            task.durationMs === null ? '' : formatSpan(task.durationMs),
            task.usd > 0 ? formatUsd(task.usd) : '',
          ]
            .filter((text) => text !== '')
            .join(' · ')}
        </span>
      </span>
    </Go>
  );
}
