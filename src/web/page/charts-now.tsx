/** What holds work up at this moment: the pace of pushes, and what is left of quotas. */
import type { ComponentChildren, VNode } from 'preact';
import { useAnswer } from './api.ts';
import { formatSpan } from './format.ts';
import { BudgetLines, Meter } from './meter.tsx';
import { clock, useCell } from './state.ts';
import type { Board } from '../told.ts';

export function ChartsNow(): VNode | null {
  const { data } = useAnswer<Board>('hosts');
  return data === null ? null : (
    <div class="charts">
      <Traffic traffic={data.traffic} />
      <Quotas board={data} />
    </div>
  );
}

function Traffic({ traffic: { limit, hosts } }: Pick<Board, 'traffic'>): VNode {
  const most = Math.max(1, limit ?? 0, ...hosts.flatMap(({ minutes }) => minutes));
  const isQuiet = hosts.every(({ minutes }) => minutes.every((count) => count === 0));
  const total = hosts.reduce((sum, { minutes }) => sum + (minutes.at(-1) ?? 0), 0);
  return (
    <Card
      title="Pushes a minute, last hour"
      isEmpty={isQuiet ? 'No host has reported a push in the last hour.' : null}
    >
      {hosts.map(({ alias, minutes }) => (
        <div class="budget" key={alias}>
          <span>{alias}</span>
          <span
            class="spark"
            role="img"
            aria-label={`${alias}, pushes a minute: ${minutes.join(' ')}`}
          >
            {minutes.map((count, at) => (
              <i key={at} style={{ height: `${(count / most) * 100}%` }} />
            ))}
          </span>
          <span class="soft">{minutes.at(-1)} now</span>
        </div>
      ))}
      <Meter
        name="all hosts"
        used={total}
        limit={limit ?? Math.max(most, total)}
        says={limit === null ? `${total} now, no limit` : `${total} now of ${limit}`}
        isSoft={limit === null}
      />
    </Card>
  );
}

function Quotas({ board: { budgets, rates, models } }: { readonly board: Board }): VNode {
  const nowMs = useCell(clock);
  const resting = models.flatMap(({ parked }) => parked);
  const isEmpty = budgets === null && rates.length === 0 && resting.length === 0;
  return (
    <Card
      title="Quota windows"
      isEmpty={
        isEmpty ? 'No model rests, and none has a budget or a limit of runs per hour.' : null
      }
    >
      <BudgetLines lines={rates} />
      {budgets === null || budgets.lines.length === 0 ? null : (
        <>
          <BudgetLines lines={budgets.lines} />
          <p class="soft small">
            The day resets in {formatSpan(Math.max(0, budgets.untilMs - nowMs))}.
          </p>
        </>
      )}
      {resting.map(({ model, host, says, untilMs }) => (
        <p class="parked" key={`${model} ${host}`}>
          {host}: {says}
          {untilMs === null ? null : ` (until ${new Date(untilMs).toLocaleTimeString('en-GB')})`}
        </p>
      ))}
    </Card>
  );
}

function Card({
  title,
  isEmpty,
  children,
}: {
  readonly title: string;
  /** Why there is nothing to draw; null = there is. */
  readonly isEmpty: string | null;
  readonly children: ComponentChildren;
}): VNode {
  return (
    <figure class="card chart">
      <figcaption>
        <b>{title}</b>
      </figcaption>
      {isEmpty === null ? (
        <div class="budgets">{children}</div>
      ) : (
        <p class="chart-room soft">{isEmpty}</p>
      )}
    </figure>
  );
}
