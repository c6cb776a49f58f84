/**
 * What the page's server knows, kept up while somebody looks: one session that stays open, what it
 * saw last, and the book at that tip. Answers are made once for a state of things, however many
 * ask, and thrown away when something changes.
 */
import { createHash } from 'node:crypto';
import { SECOND, systemClock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { followControl } from '../local/control-client.ts';
import type { Invocation } from '../cli/command.ts';
import { lookFrom, type Surroundings } from '../cli/look/look-around.ts';
import { readSaid } from '../cli/look/read-conversation.ts';
import { openSession, type TransportSession } from '../cli/session/transport-session.ts';
import { isMapping } from '../protocol/yaml.ts';
import { type Book, EMPTY_BOOK, readOn } from './book.ts';
import { noteTraffic, type Traffic } from './traffic.ts';

/**
 * Pause between two looks while a page is open: short after a change, longer when nothing happens.
 */
const PAUSE_MS_MIN = SECOND;
const PAUSE_MS_MAX = 5 * SECOND;
const GROWTH = 1.25;
/** Without an open page nobody looks; an answer may then be so old. */
const AGE_MS_MAX = 2 * SECOND;
/** Answers kept for one state of things. */
const ANSWERS_MAX = 400;

/** One state of things. `session` shows the claims of that moment. */
export interface Moment {
  readonly version: number;
  /** When it was seen, by this machine's clock. */
  readonly atMs: number;
  readonly around: Surroundings;
  readonly session: TransportSession;
  readonly book: Book;
  readonly traffic: Traffic;
}

export interface Desk {
  readonly invocation: Invocation;
  /** The state directory of the transport. */
  readonly directory: string;
  /** The newest state; looks first when the last look is old. */
  readonly now: () => Promise<Moment>;
  /** The answer to `key` at the newest state, made at most once for it. */
  readonly answer: (key: string, make: (moment: Moment) => Promise<unknown>) => Promise<unknown>;
  /**
   * Calls `take` with each new version until the function that it returns is called. While anybody
   * follows, the remote is looked at.
   */
  readonly follow: (take: (version: number) => void) => () => void;
  /**
   * Forgets when it looked last, so that the next answer looks first: something was changed from
   * here.
   */
  readonly wake: () => void;
  /** The state after a new look. */
  readonly lookAgain: () => Promise<Moment>;
  readonly close: () => Promise<void>;
}

/**
 * Opens the transport of an invocation. Throws NOT_A_TRANSPORT, CONFIG_INVALID and the other errors
 * of a session.
 */
export async function openDesk(invocation: Invocation): Promise<Desk> {
  const session = await openSession(invocation, { unread: true });
  const seeing = createSeeing(session);
  const answers = new Map<string, { readonly version: number; readonly made: Promise<unknown> }>();
  const followers = new Set<(version: number) => void>();
  const end = new AbortController();
  let nap = new AbortController();
  let watching: Promise<void> | null = null;

  const look = async (): Promise<Moment> => {
    const { moment, isNew } = await seeing.look();
    if (isNew) for (const take of followers) take(moment.version);
    return moment;
  };
  const now = async (): Promise<Moment> => {
    const last = seeing.last();
    const ageMs = systemClock.monotonicMs() - seeing.lookedMs();
    // While somebody watches, what was seen last is as new as it gets, unless it was forgotten.
    return last !== null && ageMs < (watching === null ? AGE_MS_MAX : Number.POSITIVE_INFINITY)
      ? last
      : look();
  };
  const watch = async (): Promise<void> => {
    const hearing = hearDispatcher(session, end.signal, () => nap.abort());
    let pauseMs = PAUSE_MS_MIN;
    while (followers.size > 0 && !end.signal.aborted) {
      const before = seeing.last()?.version;
      // A look that fails is retried: the page says what it knew last.
      const moment = await look().catch(() => null);
      hearing.listen(moment?.around.here != null);
      pauseMs =
        moment?.version !== before ? PAUSE_MS_MIN : Math.min(PAUSE_MS_MAX, pauseMs * GROWTH);
      await systemClock.sleep(SECOND / 4, end.signal);
      if (!nap.signal.aborted)
        await systemClock.sleep(pauseMs, AbortSignal.any([nap.signal, end.signal]));
      nap = new AbortController();
    }
    hearing.close();
    watching = null;
  };

  return {
    invocation,
    directory: session.directory.path,
    now,
    answer: async (key, make) => {
      const moment = await now();
      const known = answers.get(key);
      if (known?.version === moment.version) return known.made;
      if (answers.size >= ANSWERS_MAX) answers.clear();
      const made = make(moment);
      answers.set(key, { version: moment.version, made });
      made.catch(() => answers.delete(key));
      return made;
    },
    follow: (take) => {
      followers.add(take);
      watching ??= watch();
      return () => void followers.delete(take);
    },
    wake: () => {
      seeing.forget();
      nap.abort();
    },
    lookAgain: async () => {
      seeing.forget();
      return now();
    },
    close: async () => {
      end.abort();
      await watching;
      await session.close();
    },
  };
}

/** Looks at everything, one look at a time; what changed nothing keeps its version. */
function createSeeing(session: TransportSession) {
  let last: Moment | null = null;
  let digest = '';
  let lookedMs = Number.NEGATIVE_INFINITY;
  let running: Promise<{ readonly moment: Moment; readonly isNew: boolean }> | null = null;

  const look = async (): Promise<{ readonly moment: Moment; readonly isNew: boolean }> => {
    const around = await lookFrom(session);
    const { tip } = around.index;
    const sources = {
      repository: session.repository,
      read: (files: Parameters<typeof readSaid>[1], from: Book['tip']) =>
        readSaid(session, files, { from }),
    };
    const book = tip === null ? EMPTY_BOOK : await readOn(sources, last?.book ?? EMPTY_BOOK, tip);
    lookedMs = systemClock.monotonicMs();
    const fresh = digestOf(around);
    if (last !== null && fresh === digest) return { moment: last, isNew: false };
    digest = fresh;
    const atMs = systemClock.wallMs();
    last = {
      version: (last?.version ?? 0) + 1,
      atMs,
      traffic: noteTraffic(last?.traffic ?? new Map(), around, atMs),
      around,
      session: { ...session, listing: { tip, refs: around.refs } },
      book,
    };
    return { moment: last, isNew: true };
  };
  return {
    last: () => last,
    lookedMs: () => lookedMs,
    forget: () => {
      lookedMs = Number.NEGATIVE_INFINITY;
    },
    look: () => (running ??= look().finally(() => (running = null))),
  };
}

/** Everything that a page could show, but the time that passes. */
function digestOf({
  index,
  refs,
  here,
  hereSilent,
  outage,
  rewrite,
  offers,
  offersProblem,
}: Surroundings): string {
  const own =
    here === null
      ? null
      : {
          state: [
            here.instance,
            here.run,
            here.state,
            here.pausedHere,
            here.orderedBy,
            here.halted,
            here.outage,
            here.unsent,
            here.waitingCount,
          ],
          running: here.running.map(({ key, attempt, publishing, forMs }) => [
            key,
            attempt,
            publishing,
            forMs === null,
          ]),
          waiting: here.waiting.map(({ key, reason }) => [key, reason.kind]),
          parked: here.parked.map(({ model, why }) => [model, why]),
        };
  const parts = [
    index.tip,
    [...refs].sort(),
    own,
    hereSilent,
    outage,
    rewrite,
    offers.map(({ name, state }) => [name, state.kind]),
    offersProblem,
  ];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/**
 * The dispatcher of this host says what happens as it happens; its word only hastens the next look.
 */
function hearDispatcher(session: TransportSession, signal: AbortSignal, onEvent: () => void) {
  const stop = new AbortController();
  let isHearing = false;
  return {
    listen: (isThere: boolean): void => {
      if (!isThere || isHearing || stop.signal.aborted || signal.aborted) return;
      isHearing = true;
      const heard = followControl(session.directory.path, {
        // What agents print changes nothing on the page.
        onEvent: (event) => {
          if (isMapping(event) && event['event'] !== 'attempt.output') onEvent();
        },
        signal: AbortSignal.any([stop.signal, signal]),
      });
      void heard.catch((error: unknown) => errorText(error)).finally(() => (isHearing = false));
    },
    close: () => stop.abort(),
  };
}
