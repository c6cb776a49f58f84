/**
 * Where the time goes, in the format that Chrome and Perfetto show as a picture: one row for each
 * door, one bar for each call through it. Calls that overlap get their own rows. What is said is
 * how much went through (counts and sizes), never what: no text of messages or answers.
 */
import type { Clock } from './clock.ts';
import type { LogRecord } from './log.ts';

/** Collects what happens until the file is closed. */
export interface Tracer {
  /** A bar from the call to the end of what it gives, which may be a promise. */
  readonly span: <T>(door: string, name: string, act: () => T) => T;
  /** A mark at this moment: one event of the log. */
  readonly mark: (record: LogRecord) => void;
}

/**
 * A tracer whose events go to `write` as text; in a row they are a JSON array that lacks its end,
 * which is what the format allows.
 */
export function createTracer(clock: Clock, write: (text: string) => void): Tracer {
  const lanes = new Map<string, boolean[]>();
  const rows = new Map<string, number>();
  const emit = (event: object): void => write(`${JSON.stringify(event)},\n`);
  const microseconds = (): number => Math.round(clock.monotonicMs() * 1_000);

  const rowOf = (name: string): number => {
    const known = rows.get(name);
    if (known !== undefined) return known;
    rows.set(name, rows.size + 1);
    emit({ ph: 'M', name: 'thread_name', pid: 1, tid: rows.size, args: { name } });
    return rows.size;
  };
  const enter = (door: string): number => {
    const busy = lanes.get(door) ?? [];
    lanes.set(door, busy);
    const free = busy.indexOf(false);
    const lane = free < 0 ? busy.length : free;
    busy[lane] = true;
    return lane;
  };

  write('[\n');
  return {
    span: (door, name, act) => {
      const lane = enter(door);
      const tid = rowOf(lane === 0 ? door : `${door} ${lane + 1}`);
      const ts = microseconds();
      const leave = (): void => {
        lanes.get(door)?.splice(lane, 1, false);
        emit({ ph: 'X', cat: door, name, pid: 1, tid, ts, dur: microseconds() - ts });
      };
      const given = act();
      if (given instanceof Promise) void given.then(leave, leave);
      else leave();
      return given;
    },
    mark: ({ event, fields }) => {
      const { message, model } = fields;
      emit({
        ph: 'i',
        s: 'p',
        name: event,
        pid: 1,
        tid: rowOf('log'),
        ts: microseconds(),
        args: { message, model },
      });
    },
  };
}

/**
 * The same door, with a bar in the trace for every call through it. `door` is a plain record of
 * functions and values.
 */
export function traceDoor<T extends object>(tracer: Tracer, name: string, door: T): T {
  const traced = Object.entries(door).map(([member, value]: [string, unknown]) => [
    member,
    typeof value === 'function'
      ? (...args: readonly unknown[]): unknown =>
          tracer.span(
            name,
            nameCall(member, args),
            () => Reflect.apply(value, door, args) as unknown,
          )
      : value,
  ]);
  return Object.fromEntries(traced) as T;
}

/** The member and, where its first argument is a list, how long that is. */
function nameCall(member: string, [first]: readonly unknown[]): string {
  if (Array.isArray(first)) return `${member} ${first.length}`;
  const kind = typeof first === 'object' && first !== null && 'kind' in first ? first.kind : null;
  return typeof kind === 'string' ? `${member} ${kind}` : member;
}
