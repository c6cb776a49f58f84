/** The runs of workflows: open ones first. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { formatUsd } from './format.ts';
import { Ago, Command, Empty, Go, Head, Loading, Pill, toneOf, Trouble } from './parts.tsx';
import type { RunRow } from './told.ts';
import { Section } from './view-now.tsx';

export function RunsView(): VNode {
  const { data, problem } = useAnswer<{ readonly runs: readonly RunRow[]; readonly more: boolean }>(
    'runs',
  );
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const open = data.runs.filter(({ over }) => !over);
  const ended = data.runs.filter(({ over }) => over);
  return (
    <div class="column">
      <Head title="Runs" about="Workflows that were started, and where they stand." />
      {data.runs.length === 0 ? (
        <Empty title="No workflow was started yet">
          <Command text="crosstalkd workflow run <file|name>" />
        </Empty>
      ) : null}
      <Section title="Open" count={open.length}>
        {open.map((run) => (
          <RunLine key={run.run} run={run} />
        ))}
      </Section>
      <Section title="Over" count={ended.length}>
        {ended.map((run) => (
          <RunLine key={run.run} run={run} />
        ))}
      </Section>
      {data.more ? <p class="hint">Older runs: crosstalkd workflow list -n 200</p> : null}
    </div>
  );
}

function RunLine({ run }: { readonly run: RunRow }): VNode {
  const all = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
  return (
    <Go to={{ at: 'run', id: run.run, tab: 'graph' }} class="row" row>
      <span class="row-main">
        <b>
          {run.run} {run.name === run.run ? null : <span class="soft">{run.name}</span>}
        </b>
        <span class="row-text">{run.waits ?? `asked by ${run.from}`}</span>
        {all === 0 ? null : (
          <span class="progress" title={`${run.counts['succeeded'] ?? 0} of ${all} tasks`}>
            {(['succeeded', 'rejected', 'failed', 'open'] as const).map((state) => (
              <i
                key={state}
                class={toneOf(state === 'open' ? 'running' : state)}
                style={{ flexGrow: run.counts[state] ?? 0 }}
              />
            ))}
          </span>
        )}
      </span>
      <span class="row-side">
        <Pill state={run.status} />
        <span class="soft">
          {run.usd > 0 ? `${formatUsd(run.usd)} · ` : ''}
          <Ago atMs={run.atMs} />
        </span>
      </span>
    </Go>
  );
}
