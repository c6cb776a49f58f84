/** The runs of workflows: open ones first. */
import type { VNode } from 'preact';
import { useAnswer } from './api.ts';
import { Command, Empty, Head, Loading, Trouble } from './parts.tsx';
import type { RunList } from '../told.ts';
import { RunLine } from './run-line.tsx';
import { Section } from './section.tsx';
import { useTitle } from './state.ts';

export function RunsView(): VNode {
  const { data, problem } = useAnswer<RunList>('runs');
  useTitle('Runs');
  if (data === null) return problem === null ? <Loading /> : <Trouble problem={problem} />;
  const open = data.runs.filter(({ over }) => !over);
  const ended = data.runs.filter(({ over }) => over);
  return (
    <div class="column">
      <Head title="Runs" about="Started workflows and their state." />
      {data.runs.length === 0 ? (
        <Empty title="No workflow runs yet">
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
