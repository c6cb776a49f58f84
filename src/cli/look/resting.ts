/**
 * The models that rest on this host where no dispatcher runs to be asked: it has noted them in its
 * state directory, and the next one starts none of them before its time.
 */
import { systemClock } from '../../base/clock.ts';
import type { HostReport } from '../../dispatcher/host-report.ts';
import { decodeRests, withoutRest } from '../../dispatcher/keep-rests.ts';
import { readCheckpoint, writeCheckpoint } from '../../local/checkpoint.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { askDispatcher } from './ask-dispatcher.ts';

/** A model that rests, and for how long still. */
export type Resting = HostReport['parked'][number];

/** What the last dispatcher of this state directory has noted. Never throws. */
export async function readResting({ directory }: TransportSession): Promise<readonly Resting[]> {
  const wallMs = systemClock.wallMs();
  const { parked, spent } = decodeRests(await readCheckpoint(directory.restsFile), wallMs);
  return [...parked, ...spent].map(({ model, why, untilMs }) => ({
    model,
    why,
    forMs: untilMs - wallMs,
  }));
}

/** What rests by the word of the dispatcher here, or as the last one has noted. Never throws. */
export async function askResting(session: TransportSession): Promise<readonly Resting[]> {
  const { report } = await askDispatcher(session);
  return report?.parked ?? readResting(session);
}

/** Ends a rest that was noted; false when the model does not rest. */
export async function endNotedRest(
  { directory: { restsFile } }: TransportSession,
  model: string,
): Promise<boolean> {
  const noted = await readCheckpoint(restsFile);
  const { parked } = decodeRests(noted, systemClock.wallMs());
  if (!parked.some((rest) => rest.model === model && rest.why.kind !== 'budget')) return false;
  await writeCheckpoint(restsFile, withoutRest(noted, model));
  return true;
}
