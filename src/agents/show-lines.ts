/**
 * Handles the lines of a program while it runs: what people who watch are shown, what a
 * talk answers, and what a person is asked.
 */
import type { Clock } from '../base/clock.ts';
import type { Adapter, Heeded, LineView, Talk } from './adapter.ts';
import type { AttemptRequest, PermissionAsked } from './agent.ts';
import { createShown } from './outcome.ts';
import type { Pause } from './pause.ts';
import type { Redact } from './redact.ts';
import type { ProcessTalk } from './run-process.ts';

/** What is heard and shown of one run. */
export interface Shown {
  /** For a program that is talked with. */
  readonly talk: ProcessTalk | null;
  readonly onLine: (line: string) => boolean;
  readonly onErrorLine: (line: string) => void;
  readonly text: () => string;
  /** Aborted when the answer is whole. */
  readonly finished: AbortSignal;
}

/** Asks a person; false: denied, or nobody is asked. */
export type Ask = (asked: PermissionAsked) => Promise<boolean>;

/** Asks one question at a time: a person answers one after the other. Never rejects. */
export function createAsker(
  { request: { onAsk }, cwd }: { readonly request: AttemptRequest; readonly cwd: string },
  {
    redact,
    pause,
    over,
  }: { readonly redact: Redact; readonly pause: Pause; readonly over: AbortSignal },
): Ask {
  let last: Promise<boolean> = Promise.resolve(false);
  return (asked) => {
    last = last.then(() => {
      const isSecret = [asked.title, asked.input ?? ''].some((text) => redact(text) !== text);
      // What cannot be shown exactly is not asked: anyone who agrees must know to what.
      const mayAsk = onAsk !== undefined && !isSecret && !over.aborted;
      return mayAsk && pause.during(() => onAsk(asked, cwd)).catch(() => false);
    });
    return last;
  };
}

interface Watched {
  readonly redact: Redact;
  readonly talk: Talk | null;
  readonly ask: Ask;
  readonly finished: AbortController;
  readonly clock: Clock;
  readonly openingMs: number;
}

/** What people who watch are shown, and what is left of it when the attempt is stopped. */
export function showLines(
  { request, adapter }: { readonly request: AttemptRequest; readonly adapter: Adapter },
  parts: Watched,
): Shown {
  const { redact, talk, ask, finished } = parts;
  const shown = createShown(request, redact);
  const onLine = (line: string): boolean => {
    if (adapter.output.kind === 'json') return true;
    const view: LineView =
      adapter.output.kind === 'text'
        ? { keep: true, show: `${line}\n` }
        : adapter.output.view(line);
    if (view.show !== null) shown.show(view.show);
    if (view.ends === true) finished.abort();
    return view.keep;
  };
  // A program without its own format reports its progress on stderr.
  const onErrorLine = (line: string): void => {
    if (adapter.output.kind === 'text') shown.mention(`${line}\n`);
  };
  const seen = { onErrorLine, text: shown.text, finished: finished.signal };
  if (talk === null) return { ...seen, onLine, talk };
  let write: (line: string) => void = () => undefined;
  const say = (sent: readonly string[]): void => sent.forEach((line) => write(line));
  const decide = ({ ask: number, asked }: Heeded['asks'][number]): void =>
    void ask(asked).then((isAllowed) => say(talk.decide(number, isAllowed)));
  return {
    onLine: (line) => {
      const { send, show, ends, asks } = talk.hear(line);
      say(send);
      asks.forEach(decide);
      if (show !== null) shown.show(show);
      if (ends) finished.abort();
      return onLine(line);
    },
    ...seen,
    talk: {
      open: (opened) => {
        write = opened;
        say(talk.begin());
        void watchOpening(talk, parts);
      },
      cancel: () => say(talk.cancel()),
    },
  };
}

/** A program that hangs before it has its prompt has done nothing: it is not waited for long. */
async function watchOpening(
  talk: Talk,
  { clock, openingMs, finished }: Pick<Watched, 'clock' | 'openingMs' | 'finished'>,
): Promise<void> {
  for (let open = talk.opening(); open !== null;) {
    await clock.sleep(openingMs, finished.signal);
    if (finished.signal.aborted) return;
    const now = talk.opening();
    if (now === open) {
      talk.giveUp(openingMs);
      finished.abort();
      return;
    }
    open = now;
  }
}
