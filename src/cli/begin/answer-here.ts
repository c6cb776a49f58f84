/**
 * One message answered in the process that sent it, where no dispatcher runs on this host: by what
 * is approved here, with the same claim and the same transaction.
 */
import { END_SIGNALS } from '../../base/end-signals.ts';
import { createLog } from '../../base/log.ts';
import { runDispatcher } from '../../dispatcher/loop.ts';
import { isHeld } from '../../local/lock.ts';
import type { Invocation } from '../command.ts';
import { readModelViews } from '../look/models.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { composeDispatcher } from './compose.ts';

/**
 * Answers for those of `names` that this host serves, and says so; does nothing when it serves none
 * of them. False while another process holds the state directory: a dispatcher, which answers, or a
 * command as this one, which ends.
 */
export async function answerHere(
  invocation: Invocation,
  session: TransportSession,
  message: { readonly path: string; readonly names: readonly string[] },
): Promise<boolean> {
  const views = await readModelViews(session, invocation.env);
  const served = message.names.filter((name) =>
    views.some(({ offer, isServed }) => isServed && offer.name === name),
  );
  if (served.length === 0) return true;
  const { io } = invocation;
  const log = createLog(({ level, event, fields }) => {
    if (level === 'alert') io.warn(`${event}: ${String(fields['reason'] ?? fields['why'] ?? '')}`);
  });
  const parts = { invocation, log, onOutput: () => undefined, onlyMessage: message.path };
  const composed = await composeDispatcher(session, parts).catch((error: unknown) => {
    if (isHeld(error)) return null;
    throw error;
  });
  if (composed === null) return false;
  io.warn(
    `no dispatcher runs here, so this command answers unless another host is first: ${served.join(', ')}`,
  );
  const [stop, kill] = [new AbortController(), new AbortController()];
  const heard: NodeJS.Signals[] = [];
  const onSignal = (signal: NodeJS.Signals): void => {
    heard.push(signal);
    (stop.signal.aborted ? kill : stop).abort();
  };
  for (const signal of END_SIGNALS) process.on(signal, onSignal);
  try {
    await runDispatcher(composed.dispatcher, { once: true, stop: stop.signal, kill: kill.signal });
  } finally {
    for (const signal of END_SIGNALS) process.off(signal, onSignal);
    await composed.close();
  }
  // The signal meant the whole command, and not only the answer.
  const [first] = heard;
  if (first !== undefined) process.kill(process.pid, first);
  return true;
}
