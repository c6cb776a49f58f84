/** `run --trace FILE`: a tracer around the doors to git, to this machine's memory and to agents. */
import { closeSync, openSync, writeSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { CrosstalkError, errorText } from '../../base/errors.ts';
import type { LogRecord } from '../../base/log.ts';
import { createTracer, traceDoor, type Tracer } from '../../base/trace.ts';
import type { Doors } from '../../dispatcher/dispatcher.ts';
import { createMirror } from '../../transport/mirror.ts';
import type { Composed } from './compose.ts';
import { type Invocation, option } from '../command.ts';
import type { TransportSession } from '../session/transport-session.ts';
import { fixBy } from '../../base/fix.ts';

/** What `run` does with a trace; without `--trace` each of these gives back what it was given. */
export interface RunTrace {
  readonly session: (session: TransportSession) => TransportSession;
  readonly composed: (composed: Composed) => Composed;
  readonly mark: (record: LogRecord) => void;
  readonly close: () => void;
}

const FLUSH_CHARS = 64 * 1024;
const UNTRACED: RunTrace = {
  session: (session) => session,
  composed: (composed) => composed,
  mark: () => undefined,
  close: () => undefined,
};

/** Opens the file that `--trace` names. Throws USAGE when it cannot be written. */
export function openTrace(invocation: Invocation): RunTrace {
  const name = option(invocation, 'trace');
  if (name === null) return UNTRACED;
  const file = openFile(resolve(invocation.cwd, name));
  const tracer = createTracer(systemClock, file.write);
  return {
    session: (session) => traceSession(session, tracer),
    composed: (composed) => ({
      ...composed,
      dispatcher: { ...composed.dispatcher, doors: traceDoors(composed.dispatcher.doors, tracer) },
    }),
    mark: tracer.mark,
    close: file.close,
  };
}

function traceSession(session: TransportSession, tracer: Tracer): TransportSession {
  const repository = traceDoor(tracer, 'git', session.repository);
  const mirror = createMirror(repository, session.mirror.index(), session.closers);
  return {
    ...session,
    repository,
    mirror,
    publisher: { ...session.publisher, repository, mirror },
  };
}

function traceDoors(doors: Doors, tracer: Tracer): Doors {
  return {
    ...doors,
    local: traceDoor(tracer, 'local state', doors.local),
    agents: traceDoor(tracer, 'agents', doors.agents),
    workspace: traceDoor(tracer, 'workspace', doors.workspace),
  };
}

function openFile(path: string): {
  readonly write: (text: string) => void;
  readonly close: () => void;
} {
  const descriptor = openTruncated(path);
  let waiting: string[] = [];
  let chars = 0;
  let closed = false;
  const flush = (): void => {
    writeSync(descriptor, waiting.join(''));
    waiting = [];
    chars = 0;
  };
  return {
    write: (text) => {
      if (closed) return; // a call that outlived the dispatcher
      waiting.push(text);
      chars += text.length;
      if (chars >= FLUSH_CHARS) flush();
    },
    close: () => {
      flush();
      closed = true;
      closeSync(descriptor);
    },
  };
}

function openTruncated(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (error) {
    throw new CrosstalkError('USAGE', `${path}: ${errorText(error)}`, {
      fix: fixBy`crosstalkd run --trace FILE`,
      cause: error,
    });
  }
}
