/** The last words of a program that has gone. */
import type { Readable } from 'node:stream';
import type { Clock } from './clock.ts';

/**
 * How often a pause may start over because something was heard: what a program itself has written
 * is heard in the first two.
 */
const PAUSES_MAX = 3;

/** What to wait for. */
export interface Draining {
  readonly clock: Clock;
  /** Aborted when all pipes are closed. */
  readonly closed: AbortSignal;
  /** Milliseconds of silence after which nothing more is waited for. */
  readonly quietMs: number;
}

/**
 * Resolves when the pipes are closed or have said nothing for a while: a process that the program
 * left behind may hold them open for ever. Anyone who was held up meanwhile (busy, or asleep with
 * the machine) finds the time over before it hears what lies in the pipes, so it listens once more
 * before it believes in the silence. The pipes must be flowing. Never rejects.
 */
export async function untilDrained(
  pipes: readonly Readable[],
  { clock, closed, quietMs }: Draining,
): Promise<void> {
  let heard = 0;
  const listen = (): void => void (heard += 1);
  for (const pipe of pipes) pipe.on('data', listen);
  for (
    let pause = 0, before = -1;
    pause < PAUSES_MAX && heard !== before && !closed.aborted;
    pause += 1
  ) {
    before = heard;
    await clock.sleep(quietMs, closed);
    await new Promise((resolve) => setImmediate(resolve));
  }
  for (const pipe of pipes) pipe.off('data', listen);
}
