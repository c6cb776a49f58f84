/** Following a run until its answer comes: one line a commit of the run, then the routed reply. */
import { readTrailer } from '../../protocol/trailers.ts';
import { systemClock } from '../../base/clock.ts';
import { formatDuration } from '../../base/duration.ts';
import { channelFolder, replyPath } from '../../protocol/paths.ts';
import { given, type Invocation, option } from '../command.ts';
import { lookFrom } from '../look/look-around.ts';
import { followTip } from '../look/follow-tip.ts';
import { paint, plain } from '../io.ts';
import { durationValue, tipOf, wantsJson } from '../look/reading.ts';
import { readTextAt } from '../../transport/read-text.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { unreachable } from '../session/remote-errors.ts';
import { formatFix } from '../../base/fix.ts';
import { answerGate } from '../../protocol/remedy.ts';
import { readMarkerRun } from '../look/runs.ts';
import { subjectStart } from '../../workflow/run/tell-transition.ts';
import { tellAnswers, WAIT_DEFAULT, waitForReplies } from '../talk/wait.ts';

/** A run that was started just now. */
export interface Started {
  readonly run: string;
  readonly marker: string;
  readonly commit: string;
}

const COMMITS_MAX = 500;

/** How long --wait waits; null when it was not given. */
export function waitOption(invocation: Invocation): number | null {
  return given(invocation, 'wait')
    ? durationValue(option(invocation, 'wait') || WAIT_DEFAULT, '--wait')
    : null;
}

/** Follows a run to its end and prints its answer. Gives the exit code of `wait`. */
export async function followRun(
  invocation: Invocation,
  session: TransportSession,
  follow: Started & { readonly limitMs: number },
): Promise<number> {
  const { io } = invocation;
  const startedMs = systemClock.monotonicMs();
  let told = tipOf(session);
  const toldGates = new Set<string>();
  const onTip = async (): Promise<boolean> => {
    const tip = tipOf(session);
    const commits = await session.repository.history({ from: told, to: tip, max: COMMITS_MAX });
    told = tip;
    let asks = false;
    for (const { message } of commits) {
      if (readTrailer(message, 'Run') !== follow.run || wantsJson(invocation)) continue;
      io.warn(
        paint(
          io,
          'dim',
          plain(
            `${formatDuration(systemClock.monotonicMs() - startedMs).padStart(7)}  ${withoutRun(message, follow.run)}`,
          ),
        ),
      );
      asks ||= readTrailer(message, 'Bookkeeping') === null;
    }
    if (asks)
      for (const line of await tellGates(session, follow, toldGates))
        io.warn(plain(`         ${line}`));
    return (
      (await readTextAt(session.repository, tip, replyPath(follow.marker, 'workflow'))) !== null
    );
  };
  const end = (await onTip())
    ? 'done'
    : await followTip(session, {
        onTip,
        onOutage: (line) => io.warn(line),
        untilMs: startedMs + follow.limitMs,
      });
  if (end === 'unreachable')
    throw unreachable(session.located.url, `no answer within ${formatDuration(follow.limitMs)}`);
  const answers = await waitForReplies(invocation, session, { path: follow.marker, limitMs: 1 });
  if (answers.pending.length > 0 && !wantsJson(invocation)) {
    io.warn(
      `the run is not over after ${formatDuration(follow.limitMs)}: crosstalkd workflow why ${follow.run}`,
    );
    return 3;
  }
  return tellAnswers(invocation, answers, {
    run: follow.run,
    commit: follow.commit,
    folder: channelFolder(follow.run),
  });
}

/** What a transition says, without the run: all that is followed is of one. */
function withoutRun(message: string, run: string): string {
  const [subject = ''] = message.split('\n', 1);
  // eslint-disable-next-line no-restricted-syntax -- to be left out; the second: before 9.0.0
  const start = [subjectStart(run), `workflow ${run}: `].find((each) => subject.startsWith(each));
  return subject.slice(start?.length ?? 0);
}

/** What the open gates of the run take that were not shown yet. */
async function tellGates(
  session: TransportSession,
  { marker, run }: Started,
  told: Set<string>,
): Promise<readonly string[]> {
  const seen = await readMarkerRun(await lookFrom(session), marker);
  const fresh = (seen?.view.gates ?? []).filter(
    ({ state, path }) => state === 'open' && !told.has(path),
  );
  for (const { path } of fresh) told.add(path);
  return fresh.map((gate) => `it waits for a person: ${formatFix(answerGate({ run, ...gate }))}`);
}
