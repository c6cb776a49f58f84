/** One run of a workflow as a row. */
import type { VNode } from 'preact';
import { formatUsd } from './format.ts';
import { Ago, Go, Pill, toneOf } from './parts.tsx';
import type { RunRow } from '../told.ts';

export function RunLine({ run }: { readonly run: RunRow }): VNode {
  const all = Object.values(run.counts).reduce((sum, count) => sum + count, 0);
  return (
    <Go to={{ at: 'run', id: run.run, tab: 'graph' }} class="row" row>
      <span class="row-main">
        <b>
          {run.name === '' ? run.run : run.name}{' '}
          {run.name === run.run ? null : <span class="soft">{run.run}</span>}
          {run.inputs === '' ? null : <span class="soft"> · {run.inputs}</span>}
        </b>
        <span class="row-text">{run.waits ?? `asked by ${run.from}`}</span>
        {all === 0 ? null : (
          <span class="progress" title={`${run.counts.succeeded} of ${all} tasks`}>
            {(['succeeded', 'rejected', 'failed', 'cancelled', 'open'] as const).map((state) => (
              <i
                key={state}
                class={toneOf(state === 'open' ? 'running' : state)}
                style={{ flexGrow: run.counts[state] }}
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
