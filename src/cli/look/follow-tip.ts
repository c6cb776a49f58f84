/**
 * Waiting for the branch to move: one `ls-remote` every half second to two seconds, whatever the
 * remote does meanwhile.
 */
import { SECOND, systemClock } from '../../base/clock.ts';
import { refNames } from '../../protocol/paths.ts';
import { type RefListing, TIP_ALONE } from '../../transport/repository.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { rewritten } from '../session/remote-errors.ts';

const POLL_MS_MIN = SECOND / 2;
const POLL_MS_MAX = 2 * SECOND;
const GROWTH = 1.25;

export interface TipFollower {
  /** Called at each new tip, which the session has read by then; true ends the waiting. */
  readonly onTip: () => Promise<boolean>;
  /** Called after each look that found nothing new; true ends the waiting. */
  readonly onQuiet?: (listing: RefListing) => Promise<boolean>;
  /** Called once when the remote stops answering. */
  readonly onOutage: (line: string) => void;
  /** Monotonic time at which to give up; null = never. */
  readonly untilMs: number | null;
  /** Ends the waiting as if the time were up. */
  readonly signal?: AbortSignal | undefined;
}

/** How it ended: `onTip` said so, or the time was up, with the remote in view or not. */
export type FollowEnd = 'done' | 'timeout' | 'unreachable';

/** Follows the branch of a session. Throws HISTORY_REWRITTEN. */
export async function followTip(
  session: TransportSession,
  follower: TipFollower,
): Promise<FollowEnd> {
  let isOut = false;
  for (let pauseMs = POLL_MS_MIN; ; pauseMs = Math.min(POLL_MS_MAX, pauseMs * GROWTH)) {
    const leftMs =
      follower.untilMs === null ? pauseMs : follower.untilMs - systemClock.monotonicMs();
    if (leftMs <= 0) return isOut ? 'unreachable' : 'timeout';
    await systemClock.sleep(Math.min(pauseMs, leftMs), follower.signal);
    if (follower.signal?.aborted === true) return 'timeout';
    const looked = await look(session);
    if (looked.kind === 'unreachable') {
      if (!isOut) follower.onOutage(`the transport does not answer (${looked.line}); still trying`);
      isOut = true;
      continue;
    }
    isOut = false;
    if (looked.moved) pauseMs = POLL_MS_MIN;
    if (looked.moved && (await follower.onTip())) return 'done';
    if (!looked.moved && (await follower.onQuiet?.(looked.listing)) === true) return 'done';
  }
}

type Looked =
  | { readonly kind: 'seen'; readonly moved: boolean; readonly listing: RefListing }
  | { readonly kind: 'unreachable'; readonly line: string };

async function look({ repository, mirror, traits }: TransportSession): Promise<Looked> {
  const asOf = mirror.epoch();
  const listed = await repository.listRefs([refNames(traits.customRefs).claims], TIP_ALONE);
  if (listed.kind === 'unreachable') return { kind: 'unreachable', line: listed.failure.line };
  const pulled = await mirror.pull({ tip: listed.value.tip, asOf });
  if (pulled.kind === 'unreachable') return { kind: 'unreachable', line: pulled.failure.line };
  if (pulled.value.kind === 'rewritten') throw rewritten(pulled.value);
  return { kind: 'seen', moved: pulled.value.kind === 'advanced', listing: listed.value };
}
