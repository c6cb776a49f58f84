/**
 * Keys while `run` has a terminal: pause, drain, quit, and what is done about the chosen row of the
 * list.
 */
import { drainHost, pauseHost, reportHost, resumeHost } from '../../dispatcher/control-host.ts';
import { wrapWidth } from '../../base/display-width.ts';
import type { Dispatcher } from '../../dispatcher/dispatcher.ts';
import type { Io } from '../io.ts';
import { shortenId } from '../look/short-id.ts';
import {
  type Deed,
  drawList,
  keysOf,
  LIST_AT_START,
  listRows,
  type ListRow,
  pressInList,
} from './run-list.ts';

export interface RunKeys {
  readonly dispatcher: Dispatcher;
  /** Ends as by Ctrl-C; a second time at once. */
  readonly onQuit: () => void;
  /** Prints lines above the footer. */
  readonly say: (lines: readonly string[]) => void;
  /** Switches on or off what the agents print, of all or of one message; true = on. */
  readonly toggleOutput: (path?: string) => boolean;
  /** From now on these lines stand above the footer. */
  readonly list: (lines: () => readonly string[]) => void;
  /** Who asks what, for the path of a message. */
  readonly nameOf: (path: string) => string | null;
  /** Runs a command of ours for this transport: `['why', id]`. Gives what it printed. */
  readonly command: (words: readonly string[]) => Promise<readonly string[]>;
}

const HELP = [
  'keys: p pause or resume · d drain · o agent output · q quit',
  '  ↑ ↓ choose · Enter its output · w why · c cancel · a approve',
  '  / filter · s list · ? keys',
];

function helpIn({ columns }: Io): readonly string[] {
  return HELP.flatMap((line) => wrapWidth(line, columns - 1, 4));
}

/** Listens for keys until the function it returns is called. Does nothing without a terminal. */
export function listenForKeys(io: Io, keys: RunKeys): () => void {
  const { stdin } = process;
  if (!io.redraws || !stdin.isTTY) return () => undefined;
  let list = LIST_AT_START;
  const rows = (): readonly ListRow[] => listRows(reportHost(keys.dispatcher), keys.nameOf);
  const hear = (chunk: Buffer): void => {
    for (const key of keysOf(chunk.toString('utf8'))) {
      const pressed = key === '\u0003' ? null : pressInList(list, key, rows());
      list = pressed?.list ?? list;
      if (pressed === null && (key === '?' || key === 'h')) keys.say(helpIn(io));
      else if (pressed === null) press(key, keys);
      else if (pressed.deed !== null) void act(pressed.deed, keys);
    }
    keys.list(() => drawList(io, list, rows()));
  };
  stdin.setRawMode(true);
  stdin.resume();
  stdin.on('data', hear);
  keys.say(helpIn(io));
  keys.list(() => drawList(io, list, rows()));
  return () => {
    stdin.off('data', hear);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

async function act({ kind, row }: Deed, { say, toggleOutput, command }: RunKeys): Promise<void> {
  switch (kind) {
    case 'output':
      say([
        toggleOutput(row.path ?? '')
          ? `showing the output of ${shortenId(row.id)}; Enter hides it`
          : `shows no more of what the agent of ${shortenId(row.id)} prints`,
      ]);
      return;
    case 'arm-cancel':
      say([`press c again to cancel ${row.id} for everybody who has not answered`]);
      return;
    case 'arm-approve':
      say(
        row.question === null
          ? [`press a again to approve the open gate of ${row.id}`]
          : [
              ...(await command(['show', row.question])),
              'press a again to allow exactly this, once',
            ],
      );
      return;
    case 'why':
      say(await command(['why', row.id]));
      return;
    case 'cancel':
      say(await command(['cancel', row.id]));
      return;
    case 'approve':
      say(
        await command(
          row.question === null
            ? ['workflow', 'approve', row.id]
            : ['answer', row.question, 'approve'],
        ),
      );
  }
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
    case 'o':
      say([toggleOutput() ? 'showing agent output; o hides it' : 'agent output is hidden']);
      return;
    case 'q':
    case '\u0003':
      onQuit();
  }
}
