/** How much of a limit is used, as a bar with its words. */
import type { VNode } from 'preact';
import { formatCount, formatUsd } from './format.ts';
import type { Board } from '../told.ts';

interface MeterParts {
  readonly name: string;
  readonly used: number;
  /** What the whole bar is. */
  readonly limit: number;
  readonly says: string;
  /** Nothing happens when the bar is full. */
  readonly isSoft?: boolean;
}

export function Meter({ name, used, limit, says, isSoft = false }: MeterParts): VNode {
  const share = limit === 0 ? 1 : Math.min(1, used / limit);
  const tone = isSoft || share <= 0.8 ? 'good' : share < 1 ? 'warn' : 'bad';
  return (
    <div class="budget">
      <span>{name}</span>
      <span
        class="meter"
        role="meter"
        aria-label={name}
        aria-valuemin={0}
        aria-valuemax={limit}
        aria-valuenow={used}
      >
        <i class={tone} style={{ width: `${share * 100}%` }} />
      </span>
      <span class="soft">{says}</span>
    </div>
  );
}

/** What models have used of the budgets of the day, or of the runs of an hour. */
export function BudgetLines({
  lines,
}: {
  readonly lines: NonNullable<Board['budgets']>['lines'];
}): VNode {
  return (
    <>
      {lines.map(({ name, unit, used, limit }) => {
        const show = (value: number): string =>
          unit === 'USD' ? formatUsd(value) : formatCount(value);
        const per = unit === 'runs' ? ' runs an hour' : unit === 'tokens' ? ' tokens' : '';
        return (
          <Meter
            key={`${name} ${unit}`}
            name={name}
            used={used}
            limit={limit}
            says={`${show(used)} of ${show(limit)}${per}`}
          />
        );
      })}
    </>
  );
}
