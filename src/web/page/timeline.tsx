/** A run over time: for each task, question and wait when it waited and when it was worked on. */
import type { VNode } from 'preact';
import { formatMoment, formatSpan, shortenMark } from './format.ts';
import { barOf, spanOf, timeTicks } from './layout-time.ts';
import { Go, toneOf, useWidth } from './parts.tsx';
import { clock, useCell } from './state.ts';
import { type TimelineRow, timelineRows } from './timeline-rows.ts';
import type { Run } from '../told.ts';

export function Timeline({ run }: { readonly run: Run }): VNode {
  const nowMs = useCell(clock);
  const [ref, width] = useWidth();
  const rows = timelineRows(run);
  const span = spanOfWork(run.atMs, rows, nowMs);
  const length = span.toMs - span.fromMs;
  const ticks = timeTicks(length, Math.max(2, Math.floor((width - 200) / 110)));
  if (rows.length === 0) return <p class="hint">No task was sent yet.</p>;
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
      {rows.map((row) => (
        <Row key={row.key} row={row} span={span} ticks={ticks} nowMs={nowMs} />
      ))}
      <p class="legend">
        <i class="waits" /> waits <i class="works good" /> done <i class="works live" /> runs{' '}
        <i class="works bad" /> failed <i class="works warn" /> waits for people or events
      </p>
    </div>
  );
}

/**
 * The span that is drawn: while people or the world are waited for and nothing else happens, the
 * work before keeps its room.
 */
function spanOfWork(
  fromMs: number,
  rows: readonly TimelineRow[],
  nowMs: number,
): { readonly fromMs: number; readonly toMs: number } {
  const begin = { askedMs: fromMs, startMs: null, endMs: fromMs };
  const works = rows.filter(({ isWork, endMs }) => isWork || endMs !== null);
  const span = spanOf([begin, ...works], nowMs);
  if (works.length === 0) return spanOf([begin, ...rows], nowMs);
  return works.length === rows.length
    ? span
    : { ...span, toMs: Math.min(nowMs, span.toMs + (span.toMs - span.fromMs) / 8) };
}

function Row({
  row,
  span,
  ticks,
  nowMs,
}: {
  readonly row: TimelineRow;
  readonly span: { readonly fromMs: number; readonly toMs: number };
  readonly ticks: readonly number[];
  readonly nowMs: number;
}): VNode {
  const { name, label, state, durationMs, askedMs, id } = row;
  const who =
    row.isWork || row.endMs !== null || askedMs === null
      ? row.who
      : `${row.who}, for ${formatSpan(nowMs - askedMs)}`;
  const bar = barOf(row, { ...span, isHeld: row.isHeld });
  const length = span.toMs - span.fromMs;
  const told = [
    `${name}${label === '' ? '' : ` ${label}`}, ${who}: ${state}`,
    durationMs === null ? '' : formatSpan(durationMs),
    askedMs === null ? '' : `asked ${formatMoment(askedMs)}`,
  ];
  const says = told.filter((part) => part !== '').join(', ');
  const inside = (
    <>
      <span class="timeline-name">
        {name} <span class={label === '' ? 'soft who' : 'soft'}>{label === '' ? who : label}</span>
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
    </>
  );
  return id === null ? (
    <div class="timeline-row" title={says}>
      {inside}
    </div>
  ) : (
    <Go to={{ at: 'message', id }} class="timeline-row" row title={says}>
      {inside}
    </Go>
  );
}
