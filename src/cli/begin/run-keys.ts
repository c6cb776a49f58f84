/**
 * Keys while `run` has a terminal: pause, drain, show what runs and waits, what agents print, quit.
 */
import { formatDuration } from '../../base/duration.ts';
import {
  drainHost,
  type HostReport,
  pauseHost,
  reportHost,
  resumeHost,
} from '../../dispatcher/control-host.ts';
import type { Dispatcher } from '../../dispatcher/dispatcher.ts';
import { type Io, plain } from '../io.ts';
import { shownId } from './run-view.ts';
import { sayReason } from '../../protocol/say-reason.ts';

export interface RunKeys {
  readonly dispatcher: Dispatcher;
  /** Ends as by Ctrl-C; a second time at once. */
  readonly onQuit: () => void;
  /** Prints lines above the footer. */
  readonly say: (lines: readonly string[]) => void;
  /** Switches on or off what the agents print; true = on. */
  readonly toggleOutput: () => boolean;
}

const LINES_MAX = 10;
const HELP = 'keys: p pause or resume · d drain · s show · o what agents print · q quit';

/** Listens for keys until the function it returns is called. Does nothing without a terminal. */
export function listenForKeys(io: Io, keys: RunKeys): () => void {
  const { stdin } = process;
  if (!io.redraws || !stdin.isTTY) return () => undefined;
  const hear = (chunk: Buffer): void => {
    for (const key of chunk.toString('utf8')) press(key, keys);
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('data', hear);
  keys.say([HELP]);
  return () => {
    stdin.off('data', hear);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

function press(key: string, { dispatcher, onQuit, say, toggleOutput }: RunKeys): void {
  switch (key) {
    case 'p':
      // While it drains there is nothing to pause and nothing to resume.
      if (dispatcher.state.host.mode !== 'draining')
        (dispatcher.state.host.pausedHere ? resumeHost : pauseHost)(dispatcher);
      return;
    case 'd':
      drainHost(dispatcher);
      return;
    case 's':
      say(describeReport(reportHost(dispatcher)));
      return;
    case 'o':
      say([
        toggleOutput()
          ? 'shows what agents print, until o is pressed again'
          : 'shows no more of what agents print',
      ]);
      return;
    case 'q':
    case '\u0003':
      onQuit();
      return;
    case 'h':
    case '?':
      say([HELP]);
  }
}

/** What runs and what waits, a line each. */
export function describeReport({
  running,
  waiting: open,
  waitingCount,
  parked,
}: HostReport): readonly string[] {
  const waiting = open.filter(({ reason }) => reason.kind !== 'workflow');
  const runs = open.length - waiting.length;
  const lines = [
    ...running.map(
      ({ model, message, forMs, publishing }) =>
        `${model}  ${shownId(message)}  ${publishing ? 'is published' : forMs === null ? 'starts' : `runs for ${formatDuration(forMs)}`}`,
    ),
    ...waiting
      .slice(0, LINES_MAX)
      .map(
        ({ message, model, reason }) =>
          `${model === undefined ? '' : `${model}  `}${message === undefined ? '' : `${shownId(message)}  `}waits: ${sayReason(reason)}`,
      ),
    ...(waitingCount - runs > LINES_MAX
      ? [`… and ${waitingCount - runs - LINES_MAX} more: crosstalkd status`]
      : []),
    ...(runs === 0
      ? []
      : [
          `${runs} ${runs === 1 ? 'run of a workflow is' : 'runs of workflows are'} open: crosstalkd workflow list --open`,
        ]),
    ...parked.map(({ model, why, forMs }) =>
      sayReason({ kind: 'rests', model, host: null, forMs, why }),
    ),
  ];
  return lines.length === 0 ? ['nothing runs and nothing waits'] : lines.map((line) => plain(line));
}
