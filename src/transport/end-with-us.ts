/**
 * Programs that lead their own group, so that they can be killed with all they started. No signal
 * that is meant for this process reaches them: without this a push would go on, and land, after
 * the command that asked for it has ended.
 */
import { END_SIGNALS } from '../base/end-signals.ts';

const leaders = new Set<number>();

/** Ends the group of `pid` with this process, until `gone`. */
export function endWithUs(pid: number, gone: Promise<unknown>): void {
  if (leaders.size === 0) for (const signal of END_SIGNALS) process.on(signal, onSignal);
  leaders.add(pid);
  void gone.then(() => {
    leaders.delete(pid);
    if (leaders.size === 0) for (const signal of END_SIGNALS) process.off(signal, onSignal);
  });
}

function onSignal(signal: NodeJS.Signals): void {
  // Who listens as well ends in its own way, and closes what it has opened.
  if (process.listenerCount(signal) > 1) return;
  for (const pid of leaders) signalGroup(pid, 'SIGTERM');
  for (const name of END_SIGNALS) process.off(name, onSignal);
  process.kill(process.pid, signal);
}

/** Signals a program and all it started. */
export function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch {
    // The group is gone, which is what was wanted.
  }
}
