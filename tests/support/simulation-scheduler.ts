/**
 * Virtual time and who continues next. Everything that waits in a simulation waits here; time moves
 * only when nobody can continue, to the next event. Events of one moment are taken in a seeded
 * order. What belongs to a dead owner never happens.
 */
import type { SeededRandom } from './seeded-random.ts';

/** A process (or the machine below it): what waits for it ends with it. */
export interface Owner {
  readonly name: string;
  alive: boolean;
  /** Global time until which it is suspended. */
  suspendedUntilMs: number;
}

/**
 * `timer`: stands still while the owner is suspended. `answer`: is taken up after it. `wire`: on
 * the network already, whatever becomes of the owner.
 */
export type EventKind = 'timer' | 'answer' | 'wire';

export interface Scheduler {
  readonly nowMs: () => number;
  /**
   * Resolves after `ms` of global time; never when the owner is dead by then. `cancel` resolves it
   * at once.
   */
  readonly wait: (
    owner: Owner | null,
    ms: number,
    kind: EventKind,
  ) => { readonly done: Promise<void>; readonly cancel: () => void };
  /** Freezes an owner. */
  readonly suspend: (owner: Owner, ms: number) => void;
  /** Timers of an owner that have not fired. */
  readonly pending: (owner: Owner) => number;
  /**
   * Lets things happen until `stop` says so, nothing is left, or the time is over. False when time
   * or events ran out.
   */
  readonly run: (limits: {
    readonly untilMs: number;
    readonly eventsMax: number;
    readonly stop: () => boolean;
  }) => Promise<boolean>;
  /** Lines of the trace; the last ones are kept, all of them are in `digest`. */
  readonly trace: (line: string) => void;
}

interface Event {
  dueMs: number;
  readonly tie: number;
  readonly owner: Owner | null;
  readonly kind: EventKind;
  fire: (() => void) | null;
}

/** A scheduler at time 0. */
export function createScheduler(random: SeededRandom, onTrace: (line: string) => void): Scheduler {
  let nowMs = 0;
  let heap: Event[] = [];
  const wait: Scheduler['wait'] = (owner, ms, kind) => {
    const event: Event = {
      dueMs: nowMs + Math.max(0, ms),
      tie: random.next(),
      owner,
      kind,
      fire: null,
    };
    if (owner !== null && kind === 'answer')
      event.dueMs = Math.max(event.dueMs, owner.suspendedUntilMs);
    const done = new Promise<void>((resolve) => (event.fire = resolve));
    push(heap, event);
    return {
      done,
      cancel: () => {
        const { fire } = event;
        event.fire = null;
        fire?.();
      },
    };
  };
  return {
    nowMs: () => nowMs,
    wait,
    suspend: (owner, ms) => {
      owner.suspendedUntilMs = nowMs + ms;
      for (const event of heap)
        if (event.owner === owner && event.kind === 'timer') event.dueMs += ms;
        else if (event.owner === owner && event.kind === 'answer')
          event.dueMs = Math.max(event.dueMs, owner.suspendedUntilMs);
      const events = heap;
      heap = [];
      for (const event of events) push(heap, event);
    },
    pending: (owner) =>
      heap.filter((event) => event.owner === owner && event.fire !== null && event.kind === 'timer')
        .length,
    run: async ({ untilMs, eventsMax, stop }) => {
      await settled();
      for (let count = 0; count < eventsMax; count += 1) {
        if (stop()) return true;
        const event = nextLive(heap);
        if (event === null) return stop();
        if (event.dueMs > untilMs) {
          push(heap, event);
          nowMs = untilMs;
          return stop();
        }
        nowMs = Math.max(nowMs, event.dueMs);
        event.fire?.();
        await settled();
      }
      return false;
    },
    trace: (line) => onTrace(`${nowMs.toFixed(3)} ${line}`),
  };
}

/**
 * After this every promise that could continue has done so: the event loop turns only when the
 * queue of microtasks is empty.
 */
function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function nextLive(heap: Event[]): Event | null {
  for (let event = pop(heap); event !== null; event = pop(heap))
    if (event.fire !== null && (event.owner === null || event.owner.alive || event.kind === 'wire'))
      return event;
  return null;
}

function before(a: Event, b: Event): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.tie < b.tie);
}

function push(heap: Event[], event: Event): void {
  let at = heap.length;
  heap.push(event);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (!before(event, heap[parent]!)) break;
    heap[at] = heap[parent]!;
    at = parent;
  }
  heap[at] = event;
}

function pop(heap: Event[]): Event | null {
  const first = heap[0];
  const last = heap.pop();
  if (first === undefined || last === undefined) return null;
  if (heap.length === 0) return first;
  let at = 0;
  for (;;) {
    let child = at * 2 + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
    if (!before(heap[child]!, last)) break;
    heap[at] = heap[child]!;
    at = child;
  }
  heap[at] = last;
  return first;
}
