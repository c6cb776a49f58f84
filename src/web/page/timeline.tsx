/** A run over time: for each task when it waited and when somebody worked on it. */
import type { VNode } from 'preact';
import { formatMoment, formatSpan, shortenMark } from './format.ts';
import { barOf, spanOf, timeTicks } from './layout-time.ts';
import { Go, toneOf, useWidth } from './parts.tsx';
import { clock, useCell } from './state.ts';
import type { Run } from './told.ts';
import { labelOf } from './place-in-run.ts';
import { whoDoes } from './who-does.ts';

export function Timeline({ run }: { readonly run: Run }): VNode {
  const nowMs = useCell(clock);
  const [ref, width] = useWidth();
  const gates = run.gates.filter(({ state }) => state === 'open');
  const tasks = [...run.tasks].sort((a, b) => (a.askedMs ?? 0) - (b.askedMs ?? 0));
  const span = spanOf([{ askedMs: run.atMs, startMs: null, endMs: run.atMs }, ...tasks], nowMs);
  const length = span.toMs - span.fromMs;
  const ticks = timeTicks(length, Math.max(2, Math.floor((width - 200) / 110)));
  if (tasks.length === 0) return <p class="hint">No task was given out yet.</p>;
  return (
    <div class="timeline" ref={ref}>
      <div class="timeline-axis" aria-hidden="true">
        <span />
        <div>
          {ticks.map((ms) => (
            <span key={ms} style={{ left: `${(ms / length) * 100}%` }}>
              {ms === 0 ? '0' : shortenMark(formatSpan(ms))}
            </span>
          ))}
        </div>
      </div>
      {tasks.map((task) => {
        const bar = barOf(task, { ...span, isHeld: task.heldBy !== null });
        const state =
          task.state === 'open' ? (task.heldBy === null ? 'open' : 'running') : task.state;
        const label = labelOf(task);
        const says = `${task.step}${label === '' ? '' : ` ${label}`}, ${whoDoes(task)}: ${state}${task.durationMs === null ? '' : `, ${formatSpan(task.durationMs)}`}${task.askedMs === null ? '' : `, asked ${formatMoment(task.askedMs)}`}`;
        return (
          <Go
            key={task.path}
            to={{ at: 'message', id: task.id }}
            class="timeline-row"
            row
            title={says}
          >
            <span class="timeline-name">
              {task.step}
              <span class={label === '' ? 'soft who' : 'soft'}>
                {label === '' ? whoDoes(task) : label}
              </span>
            </span>
            <span class="timeline-lane">
              {ticks.map((ms) => (
                <i class="tick" key={ms} style={{ left: `${(ms / length) * 100}%` }} />
              ))}
              {bar === null ? null : (
                <>
                  <i
                    class="waits"
                    style={{
                      left: `${bar.waitFrom * 100}%`,
                      width: `${(bar.workFrom - bar.waitFrom) * 100}%`,
                    }}
                  />
                  <i
                    class={`works ${toneOf(state)} ${bar.isOpen ? 'goes-on' : ''}`}
                    style={{
                      left: `${bar.workFrom * 100}%`,
                      width: `${(bar.to - bar.workFrom) * 100}%`,
                    }}
                  />
                </>
              )}
            </span>
          </Go>
        );
      })}
      <p class="legend">
        <i class="waits" /> waits <i class="works good" /> done <i class="works live" /> runs{' '}
        <i class="works bad" /> failed
        {gates.length > 0 ? (
          <span> · {gates.length === 1 ? 'a gate is' : `${gates.length} gates are`} open</span>
        ) : null}
      </p>
    </div>
  );
}
