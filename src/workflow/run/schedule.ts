/**
 * Saved workflows that start by the clock: which firing is due, as a marker whose path and bytes
 * every host derives alike.
 */
import { formatIso } from '../../base/clock.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { channelFolder } from '../../protocol/paths.ts';
import { latestFiring } from '../language/cron.ts';
import { checkSource, type WorkflowCheckOptions } from '../language/check.ts';
import type { NewFile } from './run-input.ts';
import { readSource } from '../language/source.ts';

export interface ScheduleInput {
  /** The name and text of `data/workflows/<name>.md`. */
  readonly name: string;
  readonly text: string;
  /** Firings up to here are history: when the file (or this version of it) was committed. */
  readonly sinceMs: number;
  readonly nowMs: number;
  /** True when a file stands in the transport. */
  readonly exists: (path: string) => boolean;
  readonly options: WorkflowCheckOptions;
}

/**
 * The marker of the latest firing that is due and has none yet, or null. After an outage only the
 * last missed firing starts: nobody wants yesterday's eight reports. A workflow that does not check
 * is still fired, so that its errors are routed to somebody.
 */
export function dueFiring(input: ScheduleInput): NewFile | null {
  const source = readSource(input.text);
  if (source.problems.length > 0 || source.raw['on'] === undefined) return null;
  const { schedule } = checkSource(source, input.options).plan;
  if (schedule === null) return null;
  const firedMs = latestFiring(schedule.cron, { afterMs: input.sinceMs, untilMs: input.nowMs });
  if (firedMs === null) return null;
  const path = firingPath(schedule.channel, input.name, firedMs);
  if (input.exists(path)) return null;
  const fields = {
    to: 'workflow',
    from: 'schedule',
    type: 'workflow',
    timestamp: formatIso(firedMs),
    subject: input.name,
    uses: input.name,
  };
  return {
    path,
    content: writeFrontMatter(fields, `Scheduled for ${formatIso(firedMs)} (${schedule.cron}).\n`),
  };
}

/**
 * Where the marker of a firing stands: derived from the time it was due, so that N hosts write one.
 */
export function firingPath(channel: string, name: string, firedMs: number): string {
  const iso = formatIso(firedMs);
  const time = iso.slice(11, 23).replace(/[:.]/g, '');
  return `${channelFolder(channel)}/${iso.slice(0, 10).replaceAll('-', '/')}/${time}Z-schedule-${name}.md`;
}
