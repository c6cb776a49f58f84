/**
 * Saved workflows that start by the clock: which firing is due, as a marker whose path and bytes
 * every host derives alike.
 */
import { formatIso, MINUTE, parseIso } from '../../base/clock.ts';
import { writeFrontMatter } from '../../protocol/front-matter.ts';
import { channelFolder } from '../../protocol/paths.ts';
import { latestFiring } from '../language/cron.ts';
import { checkSource, type WorkflowCheckOptions } from '../language/check.ts';
import type { Schedule } from '../language/plan.ts';
import type { NewFile } from './run-input.ts';
import { formatProblem, readSource } from '../language/source.ts';
import { rememberText } from './text-memo.ts';

/** With `catch-up: skip` a firing that is later than this has been missed. */
const MISSED_AFTER_MS = 5 * MINUTE;

export interface ScheduleInput {
  /** The name and text of `data/workflows/<name>.md`. */
  readonly name: string;
  readonly text: string;
  /** Firings up to here are history: when the file (or this version of it) was committed. */
  readonly sinceMs: number;
  readonly nowMs: number;
  /** The latest time that the history says it was fired for, whatever became of the marker. */
  readonly lastSlotMs: number | null;
  /** The run of an earlier firing has not ended. */
  readonly isOpen: boolean;
}

/** A firing that is due. */
export interface Firing extends NewFile {
  /** Names the time: what a commit says so that it is never fired for again. */
  readonly slot: string;
}

/**
 * The latest firing that is due, or null. After an outage only the last missed one starts, or with
 * `catch-up: skip` none; while the run of another is open, none, unless `overlap`. A workflow that
 * does not check is still fired, so that its errors are routed to somebody.
 */
export function dueFiring(input: ScheduleInput): Firing | null {
  const schedule = scheduleIn(input.text);
  if (schedule === null) return null;
  const { sinceMs, nowMs, lastSlotMs } = input;
  const firedMs = latestFiring(schedule.cron, { afterMs: sinceMs, untilMs: nowMs });
  if (firedMs === null || (lastSlotMs !== null && lastSlotMs >= firedMs)) return null;
  if (schedule.catchUp === 'skip' && nowMs - firedMs > MISSED_AFTER_MS) return null;
  if (!schedule.overlap && input.isOpen) return null;
  const fields = {
    to: 'workflow',
    from: 'schedule',
    type: 'workflow',
    timestamp: formatIso(firedMs),
    subject: input.name,
    uses: input.name,
  };
  return {
    path: firingPath(schedule.channel, input.name, firedMs),
    content: writeFrontMatter(fields, `Scheduled for ${formatIso(firedMs)} (${schedule.cron}).\n`),
    slot: formatSlot(input.name, firedMs),
  };
}

/** The key at a line's beginning, or in braces: without it there is no schedule to parse. */
const ON_LINE = /^[ \t]*["']?on["']?[ \t]*:/m;
const ON_IN_BRACES = /[{,][ \t]*["']?on["']?[ \t]*:/;
/** Only in a head that is in braces itself does a key in braces stand at its top. */
const MAY_BE_IN_BRACES = /^[ \t]*[{!&]/m;

/** Why a saved workflow that should start by the clock cannot; null when it can, or should not. */
export function scheduleProblem(text: string): string | null {
  const isInBraces = MAY_BE_IN_BRACES.test(text) && ON_IN_BRACES.test(text);
  if (!isInBraces && !ON_LINE.test(text)) return null;
  const source = readSource(text);
  const [broken] = source.problems;
  if (broken !== undefined) return formatProblem(broken);
  if (source.raw['on'] === undefined) return null;
  const lines = ['schedule', 'channel', 'catch-up', 'overlap'].map(
    (key) => source.placeOf(['on', key]).line,
  );
  const { problems } = checkSource(source, NOTHING);
  const found = problems.find(
    ({ line }) => line === source.placeOf(['on']).line || lines.includes(line),
  );
  return found === undefined ? null : formatProblem(found);
}

/**
 * Where the marker of a firing stands: derived from the time it was due, so that N hosts write one.
 */
export function firingPath(channel: string, name: string, firedMs: number): string {
  const iso = formatIso(firedMs);
  const time = iso.slice(11, 23).replace(/[:.]/g, '');
  return `${channelFolder(channel)}/${iso.slice(0, 10).replaceAll('-', '/')}/${time}Z-schedule-${name}.md`;
}

/** True when a path is that of a firing of the workflow. */
export function isFiringOf(path: string, name: string): boolean {
  return path.endsWith(`Z-schedule-${name}.md`);
}

/** True when a path is that of any firing. */
export function isFiring(path: string): boolean {
  return path.includes('Z-schedule-');
}

function formatSlot(name: string, firedMs: number): string {
  return `${name} ${formatIso(firedMs)}`;
}

/** The time in a slot of that workflow; null for any other text. */
export function parseSlot(text: string, name: string): number | null {
  return text.startsWith(`${name} `) ? parseIso(text.slice(name.length + 1)) : null;
}

const NOTHING: WorkflowCheckOptions = {
  models: null,
  served: new Map(),
  savedWorkflow: () => null,
  schemaFile: () => null,
};

const scheduleIn = rememberText((text): Schedule | null => {
  const source = readSource(text);
  if (source.problems.length > 0 || source.raw['on'] === undefined) return null;
  return checkSource(source, NOTHING).plan.schedule;
});
