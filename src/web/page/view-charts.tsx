/**
 * Charts of what dispatchers answered: throughput, latency, tokens and cost by day, for each model
 * or host.
 */
import type { VNode } from 'preact';
import { useState } from 'preact/hooks';
import { useAnswer } from './api.ts';
import { ChartsNow } from './charts-now.tsx';
import { formatCount, formatSpan, formatUsd, shortenMark } from './format.ts';
import { spanTicks, valueTicks } from './layout-time.ts';
import { Choice, Empty, FactsRow, Head, Loading, TableHead, Trouble, useWidth } from './parts.tsx';
import { PushList } from './pushes.tsx';
import { useTitle } from './state.ts';
import type { Charts, Figures } from '../told.ts';

const SPANS = [
  ['7', 'Week'],
  ['30', 'Month'],
  ['90', 'Quarter'],
] as const;
/** Names with their own colour; the others are drawn together. */
const SERIES_MAX = 7;

interface Line {
  readonly name: string;
  readonly values: readonly (number | null)[];
}

export function ChartsView(): VNode {
  const [by, setBy] = useState<'model' | 'host'>('model');
  const [days, setDays] = useState<(typeof SPANS)[number][0]>('30');
  const { data, problem } = useAnswer<Charts>(`charts?by=${by}&days=${days}`);
  useTitle('Charts');
  return (
    <div class="column wide">
      <Head title="Charts" about="Answers of dispatchers by day (UTC), since the first one.">
        <Choice
          label="By"
          value={by}
          options={[['model', 'Models'] as const, ['host', 'Hosts'] as const]}
          onChoose={setBy}
        />
        <Choice label="Span" value={days} options={SPANS} onChoose={setDays} />
      </Head>
      {data === null ? (
        problem === null ? (
          <Loading />
        ) : (
          <Trouble problem={problem} />
        )
      ) : (
        <Drawn charts={data} by={by} />
      )}
      <ChartsNow />
      <PushList />
    </div>
  );
}

interface DrawnParts {
  readonly charts: Charts;
  readonly by: 'model' | 'host';
}

function Drawn({ charts: asked, by }: DrawnParts): VNode {
  const charts = fromFirst(asked);
  if (charts.total.answers === 0)
    return (
      <Empty title="No answers in this period">
        <p>Charts begin with the first answer of a model.</p>
      </Empty>
    );
  return (
    <>
      <Facts total={charts.total} />
      <Legend names={charts.series.map(({ name }) => name)} />
      <div class="charts">
        {CHARTS.map(({ title, kind, pick, show, isEmpty }) => (
          <Chart
            key={title}
            title={title}
            days={charts.days}
            lines={kind === 'bars' ? stacked(charts, pick) : linesOf(charts, pick)}
            kind={kind}
            show={show}
            {...(isEmpty === undefined ? {} : { isEmpty })}
          />
        ))}
      </div>
      <FiguresTable charts={charts} by={by} />
    </>
  );
}

interface ChartOf extends Pick<ChartParts, 'title' | 'kind' | 'show' | 'isEmpty'> {
  readonly pick: (figures: Figures) => number | null;
}

const CHARTS: readonly ChartOf[] = [
  { title: 'Answers', kind: 'bars', pick: ({ answers }) => answers, show: formatCount },
  {
    ...{ title: 'Median time to answer', kind: 'lines', show: formatSpan },
    pick: ({ medianMs }) => medianMs,
    isEmpty: 'No answer reports how long its agent took.',
  },
  {
    ...{ title: 'Median wait before work began', kind: 'lines', show: formatSpan },
    pick: ({ waitMs }) => waitMs,
    isEmpty: 'No answer reports when its agent began.',
  },
  {
    ...{ title: 'Tokens', kind: 'bars', show: formatCount },
    pick: ({ tokensIn, tokensOut }) => tokensIn + tokensOut,
    isEmpty: 'No agent has reported tokens. A command reports them in $CROSSTALK_USAGE.',
  },
  {
    ...{ title: 'Cost', kind: 'bars', show: formatUsd },
    pick: ({ usd }) => usd,
    isEmpty: 'No agent has reported cost. A command reports it in $CROSSTALK_USAGE.',
  },
];

function linesOf({ series }: Charts, pick: ChartOf['pick']): readonly Line[] {
  return series.slice(0, SERIES_MAX).map(({ name, daily }) => ({ name, values: daily.map(pick) }));
}

/** The lines, and the sum of those that have no colour of their own. */
function stacked(charts: Charts, pick: ChartOf['pick']): readonly Line[] {
  const rest = charts.series.slice(SERIES_MAX);
  const others = charts.days.map((_, at) =>
    rest.reduce(
      (sum, { daily }) => sum + (daily[at] === undefined ? 0 : (pick(daily[at]) ?? 0)),
      0,
    ),
  );
  return [
    ...linesOf(charts, pick),
    ...(rest.length === 0 ? [] : [{ name: 'others', values: others }]),
  ];
}

/** An amount that nobody has reported is unknown, not nothing. */
const known =
  (format: (amount: number) => string) =>
  (amount: number | null): string =>
    amount === null || amount === 0 ? '–' : format(amount);
const [span, count, usd] = [known(formatSpan), known(formatCount), known(formatUsd)];

function Facts({ total }: Pick<Charts, 'total'>): VNode {
  const failed = ((total.failed / total.answers) * 100).toFixed(total.failed === 0 ? 0 : 1);
  const facts = {
    answers: formatCount(total.answers),
    failed: `${failed}%`,
    median: span(total.medianMs),
    'nine of ten within': span(total.slowMs),
    'wait before work': span(total.waitMs),
    tokens: count(total.tokensIn + total.tokensOut),
    cost: usd(total.usd),
  };
  return <FactsRow facts={Object.entries(facts)} />;
}

function Legend({ names }: { readonly names: readonly string[] }): VNode {
  const shown = [...names.slice(0, SERIES_MAX), ...(names.length > SERIES_MAX ? ['others'] : [])];
  return (
    <p class="legend">
      {shown.map((name, at) => (
        <span key={name}>
          <i class={`swatch series-${at}`} /> {name}
        </span>
      ))}
    </p>
  );
}

function FiguresTable({ charts, by }: DrawnParts): VNode {
  const [one, many] = by === 'model' ? ['Model', 'Models'] : ['Host', 'Hosts'];
  return (
    <section class="section">
      <h2>{many}</h2>
      <div class="table-scroll" tabIndex={0} role="region" aria-label="Figures">
        <table>
          <TableHead
            words={[one]}
            numbers={['Answers', 'Failed', 'Median', '9 of 10', 'Tokens in', 'Tokens out', 'Cost']}
          />
          <tbody>
            {charts.series.map(({ name, total }) => (
              <tr key={name}>
                <th scope="row">{name}</th>
                {[
                  total.answers.toLocaleString('en-GB'),
                  total.failed,
                  span(total.medianMs),
                  span(total.slowMs),
                  count(total.tokensIn),
                  count(total.tokensOut),
                  usd(total.usd),
                ].map((cell, at) => (
                  <td class="number" key={at}>
                    {cell}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

interface ChartParts {
  readonly title: string;
  readonly days: readonly string[];
  readonly lines: readonly Line[];
  readonly kind: 'bars' | 'lines';
  readonly show: (value: number) => string;
  /** Why there is nothing to draw, when there is not. */
  readonly isEmpty?: string;
}

/** Days before the first answer say nothing; a week is shown in any case. */
const DAYS_MIN = 7;

/** The charts from the first day on that has answers. */
function fromFirst(charts: Charts): Charts {
  const first = charts.days.findIndex((_, day) =>
    charts.series.some(({ daily }) => (daily[day]?.answers ?? 0) > 0),
  );
  const from = Math.max(0, Math.min(first, charts.days.length - DAYS_MIN));
  return {
    ...charts,
    days: charts.days.slice(from),
    series: charts.series.map((one) => ({ ...one, daily: one.daily.slice(from) })),
  };
}

const HEIGHT = 190;
const ROOM = { left: 46, right: 8, top: 10, bottom: 24 };

function Chart({ title, days, lines, kind, show, isEmpty }: ChartParts): VNode {
  const [ref, width] = useWidth();
  const [at, setAt] = useState<number | null>(null);
  const sums = days.map((_, day) => lines.reduce((sum, { values }) => sum + (values[day] ?? 0), 0));
  const highest =
    kind === 'bars'
      ? Math.max(0, ...sums)
      : Math.max(0, ...lines.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const ticks = kind === 'bars' ? valueTicks(highest, 4) : spanTicks(highest, 4);
  const top = ticks.at(-1) ?? 1;
  const inner = {
    width: Math.max(1, width - ROOM.left - ROOM.right),
    height: HEIGHT - ROOM.top - ROOM.bottom,
  };
  const slot = inner.width / days.length;
  const y = (value: number): number => ROOM.top + inner.height * (1 - value / top);
  const x = (day: number): number => ROOM.left + slot * (day + 0.5);
  const every = Math.max(1, Math.ceil(56 / slot));
  const shown = at === null ? null : (days[at] ?? null);
  return (
    <figure class="card chart">
      <figcaption>
        <b>{title}</b>
        <span class="soft">
          {at === null || shown === null
            ? ''
            : `${dayWord(shown)}: ${
                lines
                  .flatMap(({ name, values }) =>
                    values[at] == null || values[at] === 0 ? [] : [`${name} ${show(values[at])}`],
                  )
                  .slice(0, 4)
                  .join(', ') || 'nothing'
              }`}
        </span>
      </figcaption>
      <div ref={ref} />
      {isEmpty !== undefined && highest === 0 ? (
        <p class="chart-room soft">{isEmpty}</p>
      ) : width === 0 ? (
        <div class="chart-room" />
      ) : (
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={`${title} by day`}
          onMouseMove={(event) => {
            const left = event.currentTarget.getBoundingClientRect().left;
            const day = Math.floor((event.clientX - left - ROOM.left) / slot);
            setAt(day >= 0 && day < days.length ? day : null);
          }}
          onMouseLeave={() => setAt(null)}
        >
          {ticks.map((tick) => (
            <g key={tick}>
              <line class="grid" x1={ROOM.left} x2={width - ROOM.right} y1={y(tick)} y2={y(tick)} />
              <text class="axis" x={ROOM.left - 8} y={y(tick) + 4} text-anchor="end">
                {tick === 0 ? '0' : shortenMark(show(tick))}
              </text>
            </g>
          ))}
          {at === null ? null : (
            <rect class="at" x={x(at) - slot / 2} y={ROOM.top} width={slot} height={inner.height} />
          )}
          {days.map((day, index) =>
            (days.length - 1 - index) % every === 0 ? (
              <text class="axis" key={day} x={x(index)} y={HEIGHT - 6} text-anchor="middle">
                {dayWord(day)}
              </text>
            ) : null,
          )}
          {kind === 'bars' ? (
            <Bars lines={lines} days={days.length} place={{ x, y, slot }} />
          ) : (
            <Lines lines={lines} place={{ x, y }} />
          )}
        </svg>
      )}
    </figure>
  );
}

interface Scales {
  readonly x: (day: number) => number;
  readonly y: (value: number) => number;
}

function Bars({
  lines,
  days,
  place,
}: {
  readonly lines: readonly Line[];
  readonly days: number;
  readonly place: Scales & { readonly slot: number };
}): VNode {
  const width = Math.max(1, Math.min(26, place.slot * 0.68));
  return (
    <g>
      {Array.from({ length: days }, (_, day) => {
        let below = 0;
        return lines.map(({ name, values }, series) => {
          const value = values[day] ?? 0;
          if (value === 0) return null;
          const from = place.y(below);
          below += value;
          const to = place.y(below);
          return (
            <rect
              key={`${name} ${day}`}
              class={`series-${series}`}
              x={place.x(day) - width / 2}
              y={to}
              width={width}
              height={Math.max(0.5, from - to)}
              rx={Math.min(2, (from - to) / 2)}
            />
          );
        });
      })}
    </g>
  );
}

function Lines({
  lines,
  place,
}: {
  readonly lines: readonly Line[];
  readonly place: Scales;
}): VNode {
  return (
    <g>
      {lines.map(({ name, values }, series) => {
        const points = values.flatMap((value, day) =>
          value === null ? [] : [[place.x(day), place.y(value)] as const],
        );
        return (
          <g key={name} class={`line series-${series}`}>
            <polyline
              points={points.map(([px, py]) => `${px.toFixed(1)},${py.toFixed(1)}`).join(' ')}
            />
            {points.map(([px, py]) => (
              <circle key={px} cx={px} cy={py} r={points.length > 40 ? 1.6 : 2.6} />
            ))}
          </g>
        );
      })}
    </g>
  );
}

/** `2026-11-21` as `21 Nov`. */
function dayWord(day: string): string {
  return new Date(`${day}T12:00:00Z`).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    timeZone: 'UTC',
  });
}
