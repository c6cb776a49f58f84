/**
 * Notices of `run` for people who do not look: something needs a person, failed for good, stopped
 * at a budget, or that a host is gone. Each thing once, also over restarts: what was told is kept
 * in the state directory. Only hosts with `notify:` do this, beside the loop and never in its way.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { DAY, HOUR, MINUTE, SECOND, systemClock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log, LogRecord } from '../../base/log.ts';
import { fixBy, formatFix } from '../../base/fix.ts';
import { readCheckpoint, writeCheckpoint } from '../../local/checkpoint.ts';
import { describeNotifier, type Notifier } from '../../local/notify-settings.ts';
import { messageId } from '../../protocol/paths.ts';
import type { Reason, ReasonKind } from '../../protocol/reason.ts';
import { isMapping } from '../../protocol/yaml.ts';
import { given, type Invocation } from '../command.ts';
import { deliverNotice, type Notice } from './deliver-notice.ts';
import { lookFrom } from '../look/look-around.ts';
import { readNeeds } from '../look/status.ts';
import { fixOfNeed, type Need, sayNeed } from '../look/status-needs.ts';
import { openSession, type TransportSession } from '../session/transport-session.ts';

/** Where `run` puts its events. */
export interface NoticeSink {
  readonly take: (record: LogRecord) => void;
  /** Tells what is left, within some seconds. */
  readonly close: () => Promise<void>;
}

/** A notice and what makes it the same as another. */
export interface KeyedNotice extends Notice {
  readonly key: string;
  /** How long it stays told; a need that stands is told again only when it was gone this long. */
  readonly keptMs: number;
}

const STEP_MS = 2 * SECOND;
/** Between two looks at what needs a person, when something changed; and when nothing did. */
const LOOK_MS = 20 * SECOND;
const LOOK_IDLE_MS = 10 * MINUTE;
/** For what is left at the end; `--once` looks once more. */
const CLOSE_MS = 2 * SECOND;
const CLOSE_ONCE_MS = 30 * SECOND;
/** More than this at once become one notice. */
const SINGLE_MAX = 5;
const QUEUE_MAX = 200;
const KEPT_MAX = 5_000;
/** A thing that was gone for this long is new when it comes again. */
const FORGOTTEN_MS = HOUR;
const EVENT_KEPT_MS = 30 * DAY;
/** What people did themselves, see elsewhere, or learn from an event. */
const NOT_TOLD: readonly ReasonKind[] = [
  'unsent',
  'unpushed',
  'outage',
  'all-paused',
  'paused-here',
  'outbox',
  'silent-here',
  'waits-for-remote',
  'failure',
  'outcome-unknown',
  'garbage-claims',
];

/** Begins to watch when the configuration has `notify:`. */
export function openNotices(
  invocation: Invocation,
  session: TransportSession,
  log: Log,
): NoticeSink {
  const { notify } = session.config;
  if (notify.length === 0) return { take: () => undefined, close: () => Promise.resolve() };
  const watch = createWatch({ invocation, session, log, notify });
  const timer = setInterval(() => void watch.step(), STEP_MS);
  timer.unref();
  return {
    take: watch.take,
    close: async () => {
      clearInterval(timer);
      const isOnce = given(invocation, 'once');
      const limit = new AbortController();
      await Promise.race([
        watch.step(isOnce),
        systemClock.sleep(isOnce ? CLOSE_ONCE_MS : CLOSE_MS, limit.signal),
      ]);
      limit.abort();
      watch.end();
    },
  };
}

interface WatchParts {
  readonly invocation: Invocation;
  readonly session: TransportSession;
  readonly log: Log;
  readonly notify: readonly Notifier[];
}

/** The keys that were reported, and until when each counts as such. */
type Told = Map<string, { readonly untilMs: number }>;

function createWatch(parts: WatchParts) {
  const { session } = parts;
  const path = join(session.directory.path, 'notified');
  const queue: KeyedNotice[] = [];
  const failing = new Set<string>();
  let told: Told | null = null;
  let [lookedMs, lookedTip, isStirred] = [Number.NEGATIVE_INFINITY, '' as string | null, true];
  const state = { ended: false };
  let busy: Promise<void> = Promise.resolve();

  const look = async (): Promise<void> => {
    const { tip } = session.mirror.index();
    const idleMs = systemClock.monotonicMs() - lookedMs;
    const isDue = tip !== lookedTip || isStirred ? idleMs >= LOOK_MS : idleMs >= LOOK_IDLE_MS;
    if (!isDue || tip === null) return;
    [lookedMs, lookedTip, isStirred] = [systemClock.monotonicMs(), tip, false];
    const opened = await openSession(parts.invocation, {
      where: parts.invocation.args[0] ?? null,
      unread: true,
      spacing: session.spacing,
    });
    try {
      const around = await lookFrom(opened);
      const notices = (await readNeeds(around)).flatMap(noticeOfNeed);
      for (const { key, keptMs } of notices)
        if (told?.has(key) === true) told.set(key, { untilMs: systemClock.wallMs() + keptMs });
      queue.push(...notices);
    } finally {
      await opened.close();
    }
  };
  const work = async (isLast: boolean): Promise<void> => {
    try {
      told ??= decodeTold(await readCheckpoint(path));
      if (isLast) [lookedMs, isStirred] = [Number.NEGATIVE_INFINITY, true];
      await look();
      const fresh = freshNotices(queue.splice(0), told);
      if (fresh.length === 0) return;
      const rest = await deliverNotices({ ...parts, state }, fresh, failing);
      const wallMs = systemClock.wallMs();
      for (const { key, keptMs } of fresh.filter((notice) => !rest.includes(notice)))
        told.set(key, { untilMs: wallMs + keptMs });
      queue.unshift(...rest.slice(-QUEUE_MAX));
      for (const [key, { untilMs }] of told)
        if (untilMs < wallMs || told.size > KEPT_MAX) told.delete(key);
      await writeCheckpoint(
        path,
        Object.fromEntries([...told].map(([key, { untilMs }]) => [key, untilMs])),
      );
    } catch (error) {
      parts.log.warning('notify.failed', {
        way: 'all',
        reason: errorText(error),
        next: 'retries; work continues',
      });
      isStirred = true;
    }
  };
  return {
    take: (record: LogRecord): void => {
      if (record.event.startsWith('notify.')) return;
      if (record.level !== 'status') isStirred = true;
      queue.push(...noticeOfEvent(record));
      queue.splice(0, Math.max(0, queue.length - QUEUE_MAX));
    },
    end: () => void (state.ended = true),
    step: (isLast = false): Promise<void> => (busy = busy.then(() => work(isLast))),
  };
}

function freshNotices(notices: readonly KeyedNotice[], told: Told): readonly KeyedNotice[] {
  const seen = new Set<string>();
  return notices.filter(({ key }) => !told.has(key) && !seen.has(key) && seen.add(key));
}

/**
 * Tells every way; gives those notices that no way took. A way that fails is reported once until it
 * works again.
 */
async function deliverNotices(
  { notify, invocation, log, state }: WatchParts & { readonly state: { readonly ended: boolean } },
  fresh: readonly KeyedNotice[],
  failing: Set<string>,
): Promise<readonly KeyedNotice[]> {
  const taken = new Set<KeyedNotice>();
  for (const notifier of notify) {
    const wanted = fresh.filter(({ kind }) => notifier.only.includes(kind));
    const groups = wanted.length > SINGLE_MAX ? [wanted] : wanted.map((notice) => [notice]);
    for (const group of groups) {
      if (state.ended) break;
      const problem = await deliverNotice(joinNotices(group), notifier, invocation.env);
      const way = describeNotifier(notifier);
      if (problem === null) {
        failing.delete(way);
        for (const notice of group) taken.add(notice);
        continue;
      }
      if (!failing.has(way))
        log.warning('notify.failed', { way, reason: problem, next: 'retries; work continues' });
      failing.add(way);
      break;
    }
  }
  // What no way is meant to carry counts as delivered.
  return fresh.filter(
    (notice) => !taken.has(notice) && notify.some(({ only }) => only.includes(notice.kind)),
  );
}

function joinNotices(group: readonly KeyedNotice[]): Notice {
  const [first] = group;
  if (first !== undefined && group.length === 1) return first;
  const lines = group.slice(0, 20).map(({ title, fix }) => `* ${title}\n    ${fix}`);
  return {
    kind: first?.kind ?? 'needs-person',
    title: `crosstalkd: ${group.length} things at once`,
    text: [...lines, ...(group.length > 20 ? [`… and ${group.length - 20} more`] : [])].join('\n'),
    fix: 'crosstalkd status',
  };
}

/** What `status` lists, as a notice; figures in it change from day to day and make no new one. */
export function noticeOfNeed(need: Need): readonly KeyedNotice[] {
  const { reason, of } = need;
  if (NOT_TOLD.includes(reason.kind)) return [];
  const about = need.count === 1 ? need.about.join(' ') : '';
  const key = createHash('sha256')
    .update(JSON.stringify([reason.kind, need.count > 1 ? null : of, about, steady(reason)]))
    .digest('hex')
    .slice(0, 16);
  const says = sayNeed(need);
  const fix = fixOfNeed(need);
  return [
    {
      key: `need ${key}`,
      keptMs: FORGOTTEN_MS,
      kind: reason.kind === 'run-budget' ? 'budget' : 'needs-person',
      title: `crosstalkd: ${says}`,
      text: says,
      fix: fix === null ? 'crosstalkd status' : formatFix(fix),
    },
  ];
}

/** The facts of a reason without figures, and without what each host says of it. */
function steady({ hosts, also, ...facts }: Reason): unknown {
  return [
    JSON.stringify(facts, (_, value: unknown) => (typeof value === 'number' ? 0 : value)),
    hosts?.map(({ host, reason }) => [host, reason.kind]),
    also?.kind,
  ];
}

/**
 * What happened for good, as a notice: at most one for each event. No text of a message or answer
 * is in it.
 */
export function noticeOfEvent({ event, fields }: LogRecord): readonly KeyedNotice[] {
  const text = (name: string): string => String(fields[name] ?? '');
  const [message, model] = [text('message'), text('model')];
  const id = messageId(message);
  if (event === 'reply.published' && fields['failed'] === true) {
    const what = `${model} has no answer to ${id}, for good`;
    return [
      {
        key: `failed ${message} ${model}`,
        keptMs: EVENT_KEPT_MS,
        kind: 'failed',
        title: `crosstalkd: ${what}`,
        text: `${what}: ${message}`,
        fix: formatFix(fixBy`crosstalkd why ${id}`),
      },
    ];
  }
  if (event === 'model.budget-reached')
    return [
      {
        key: `budget ${model} ${text('reason')}`,
        keptMs: EVENT_KEPT_MS,
        kind: 'budget',
        title: `crosstalkd: ${model} stops at its budget`,
        text: text('reason'),
        fix: text('fix'),
      },
    ];
  if (event === 'host.lost' || event === 'claim.taken-over') {
    const host = event === 'host.lost' ? text('host') : text('from');
    const day = Math.floor(systemClock.wallMs() / DAY);
    const what = `host ${host} went silent while it ran ${model}`;
    return [
      {
        key: `host-gone ${host} ${day}`,
        keptMs: EVENT_KEPT_MS,
        kind: 'host-gone',
        title: `crosstalkd: ${what}`,
        text: `${what} for ${message}. ${text('reason') || text('next')}`,
        fix: formatFix(fixBy`crosstalkd why ${id}`),
      },
    ];
  }
  return [];
}

function decodeTold(value: unknown): Told {
  const entries = isMapping(value) ? Object.entries(value) : [];
  return new Map(
    entries.flatMap(([key, untilMs]) =>
      typeof untilMs === 'number' ? [[key, { untilMs }] as const] : [],
    ),
  );
}
