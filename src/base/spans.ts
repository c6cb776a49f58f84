/**
 * From events of the log to spans of a trace: one for the time a host has a piece of work, one
 * below it for each invocation of an agent. A message is one trace whichever hosts work on it.
 * Names, places and numbers only: no text of messages, answers or failures.
 */
import { createHash } from 'node:crypto';
import type { LogFields, LogRecord } from './log.ts';

/** A finished span. Times are milliseconds since the epoch, ids hex as OpenTelemetry has them. */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly events: readonly { readonly name: string; readonly atMs: number }[];
  /** Null = it went well. */
  readonly error: string | null;
}

/** Takes events in their order and gives the spans that end with each. */
export type SpanFold = (record: LogRecord, atMs: number) => readonly Span[];

interface Open {
  readonly spanId: string;
  readonly startMs: number;
  readonly events: { readonly name: string; readonly atMs: number }[];
}

/** What ends the time that a host has a piece of work, and whether that is a failure. */
const ENDS: Readonly<Record<string, string | null>> = {
  'reply.published': null,
  'reply.late': 'too late',
  'claim.released': null,
  'claim.lost': 'claim lost',
};
const FIELDS = ['attempt', 'how', 'failed', 'duration_ms', 'cost_usd', 'commit'] as const;
/** Work that is open at the same time; more would be a leak. */
const OPEN_MAX = 10_000;

/** A fold that names new spans with `newId`, 16 hex. */
export function createSpanFold(newId: () => string): SpanFold {
  const works = new Map<string, Open>();
  const attempts = new Map<string, Open & { readonly parentSpanId: string | null }>();
  return ({ event, level, fields }, atMs) => {
    const { message, model } = fields;
    if (typeof message !== 'string' || typeof model !== 'string') return [];
    const key = `${message} ${model}`;
    const open = { spanId: newId(), startMs: atMs, events: [] };
    if (works.size >= OPEN_MAX || attempts.size >= OPEN_MAX)
      [works, attempts].forEach((map) => map.clear());
    if (event === 'message.claimed') works.set(key, open);
    else if (event === 'attempt.started')
      attempts.set(key, {
        ...open,
        parentSpanId: (works.get(key) ?? onlyOf(works, message))?.spanId ?? null,
      });
    else if (event === 'attempt.ended') {
      const attempt = attempts.get(key);
      attempts.delete(key);
      const error = fields['how'] === 'answered' ? null : String(fields['how']);
      return attempt === undefined
        ? []
        : [close(attempt, { ...attempt, name: `attempt ${model}`, fields, atMs, error })];
    } else if (Object.hasOwn(ENDS, event)) {
      const work = works.get(key);
      works.delete(key);
      const error = fields['failed'] === true ? 'failed' : (ENDS[event] ?? null);
      return work === undefined
        ? []
        : [close(work, { parentSpanId: null, name: `work ${model}`, fields, atMs, error })];
    } else if (level !== 'status') works.get(key)?.events.push({ name: event, atMs });
    return [];
  };
}

/**
 * The work of a message, when there is no doubt which: a fallback model has another name than the
 * recipient it answers for.
 */
function onlyOf(works: ReadonlyMap<string, Open>, message: string): Open | null {
  const found = [...works].filter(([key]) => key.startsWith(`${message} `));
  return found.length === 1 ? (found[0]?.[1] ?? null) : null;
}

interface Close {
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly fields: LogFields;
  readonly atMs: number;
  readonly error: string | null;
}

function close(
  { spanId, startMs, events }: Open,
  { parentSpanId, name, fields, atMs, error }: Close,
): Span {
  const message = String(fields['message']);
  const values = FIELDS.flatMap((field) => {
    const value = fields[field];
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
      ? [[`crosstalk.${field}`, value] as const]
      : [];
  });
  return {
    traceId: createHash('sha256').update(message).digest('hex').slice(0, 32),
    spanId,
    parentSpanId,
    name,
    startMs,
    endMs: Math.max(startMs, atMs),
    attributes: {
      'crosstalk.message': message,
      'crosstalk.model': String(fields['model']),
      ...Object.fromEntries(values),
    },
    events,
    error,
  };
}
