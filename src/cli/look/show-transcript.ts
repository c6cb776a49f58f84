/**
 * `crosstalkd show <id> --transcript` and `crosstalkd log -f <id>`: what the agents of this host
 * printed for a message, kept and as it comes.
 */
import { snakeKeys } from '../../base/snake-keys.ts';
import { shellWord } from '../../base/shell-word.ts';
import { followControl } from '../../local/control-client.ts';
import { readTranscripts, type Transcript } from '../../local/transcripts.ts';
import { isMapping } from '../../protocol/yaml.ts';
import type { Invocation } from '../command.ts';
import { type Io, paint, plain } from '../io.ts';
import { printGood, wantsJson } from './reading.ts';
import type { TransportSession } from '../session/transport-session.ts';

/** Prints every transcript of a message that this host has. Exit 3 when there is none. */
export async function showTranscripts(
  invocation: Invocation,
  session: TransportSession,
  message: string,
): Promise<number> {
  const transcripts = await readTranscripts(session.directory.transcripts, message);
  if (wantsJson(invocation))
    printGood(invocation, { message, transcripts: snakeKeys(transcripts) });
  else
    for (const transcript of transcripts) {
      invocation.io.print(headLine(invocation.io, transcript));
      invocation.io.write(plain(transcript.text));
      if (transcript.raw !== null)
        invocation.io.print(`unchanged output: ${plain(transcript.raw)}`);
    }
  if (transcripts.length > 0) return 0;
  if (!wantsJson(invocation))
    invocation.io.warn(
      `no agent of this host has worked on it: crosstalkd why ${shellWord(message)}`,
    );
  return 3;
}

/**
 * Prints what was printed so far and continues until the reply of this host is published or its
 * dispatcher ends.
 */
export async function followMessage(
  invocation: Invocation,
  session: TransportSession,
  message: string,
): Promise<number> {
  const { io } = invocation;
  if (!session.mirror.index().messages.has(message))
    return showTranscripts(invocation, session, message);
  const end = new AbortController();
  const shown = new Map<string, number>();
  const show = ({
    attemptId,
    text,
    from,
  }: {
    readonly attemptId: string;
    readonly text: string;
    readonly from: number;
  }): void => {
    const known = shown.get(attemptId) ?? 0;
    if (from + text.length <= known) return;
    io.write(plain(text.slice(Math.max(0, known - from))));
    shown.set(attemptId, from + text.length);
  };
  const showKept = async (): Promise<void> => {
    for (const transcript of await readTranscripts(session.directory.transcripts, message)) {
      if (!shown.has(transcript.attemptId)) io.print(headLine(io, transcript));
      show({ ...transcript, from: 0 });
    }
  };
  const waiting: unknown[] = [];
  const state = { caughtUp: false };
  const hear = (event: unknown): void => {
    if (!isMapping(event) || event['message'] !== message) return;
    const { text, end: last, attemptId } = event;
    if (
      event['event'] === 'attempt.output' &&
      typeof text === 'string' &&
      typeof last === 'number' &&
      typeof attemptId === 'string'
    )
      show({ attemptId, text, from: last - text.length });
    if (event['event'] === 'reply.published') end.abort();
  };
  const followed = await followControl(session.directory.path, {
    onStart: () =>
      void showKept().then(() => {
        state.caughtUp = true;
        waiting.splice(0).forEach(hear);
      }),
    onEvent: (event) => {
      if (state.caughtUp) hear(event);
      else waiting.push(event);
    },
    signal: end.signal,
  });
  if (followed.kind === 'ended') return 0;
  await showKept();
  io.warn(
    followed.kind === 'silent'
      ? 'the dispatcher of this host does not answer: crosstalkd doctor'
      : 'no dispatcher runs on this host: crosstalkd run',
  );
  return shown.size > 0 ? 0 : 3;
}

function headLine(io: Io, { model, startedAt, attemptId }: Transcript): string {
  const time = io.isTerminal ? new Date(startedAt).toString().slice(0, 24) : startedAt;
  return paint(io, 'bold', `── ${plain(model)}, ${plain(time)} (${plain(attemptId)})`);
}
