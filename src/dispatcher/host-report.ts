/**
 * What a dispatcher says of itself, and how another process of this host reads it. Apart from what
 * makes it, so that commands which only show it do not load a dispatcher.
 */
import { type HostState, parseBeatName } from '../protocol/beat.ts';
import type { Reason, ReasonOf, RestReason } from '../protocol/reason.ts';
import { isMapping } from '../protocol/yaml.ts';
import type { PushTold } from './keep-pushes.ts';

/**
 * One dispatcher as it sees itself. Durations are milliseconds from now; no clock time crosses to
 * the reader.
 */
export interface HostReport {
  readonly alias: string;
  readonly instance: string;
  readonly run: string;
  readonly version: string;
  readonly state: HostState;
  readonly pausedHere: boolean;
  /** Who ordered all hosts to pause, drain or stop; null = nobody. */
  readonly orderedBy: string | null;
  readonly slots: number;
  readonly running: readonly {
    readonly key: string;
    readonly message: string;
    readonly model: string;
    readonly attempt: number;
    /** Since the agent was started; null = none runs at this moment. */
    readonly forMs: number | null;
    readonly publishing: boolean;
    /** The earlier attempt that it began with; null = none. */
    readonly continues?: string | null;
    /** What its agent asks people to allow, and waits for; null = nothing. */
    readonly asks?: { readonly question: string; readonly people: readonly string[] } | null;
  }[];
  /**
   * Open work that this host does not run now, and its reason; the first of them when there are
   * many.
   */
  readonly waiting: readonly {
    readonly key: string;
    readonly reason: Reason;
    readonly forMs: number;
    /** Absent from a version that did not say it. */
    readonly message?: string;
    readonly model?: string;
    /** Of a run: its gates that wait for people. */
    readonly gates?: readonly string[];
  }[];
  readonly waitingCount: number;
  readonly serves: readonly string[];
  readonly parked: readonly {
    readonly model: string;
    readonly why: RestReason;
    readonly forMs: number;
  }[];
  /** Finished answers that are not on the remote yet. */
  readonly unsent: number;
  /**
   * What of it cannot be published, and why; `blocked`: something stands in its way on the branch.
   * Absent from a version that did not know of it.
   */
  readonly refused?: readonly {
    readonly about: string;
    readonly reason: string;
    readonly blocked: boolean;
    readonly forMs: number;
  }[];
  /** Why the remote does not answer this host, or does not accept its pushes. */
  readonly outage: string | null;
  readonly halted: boolean;
  /** For how long this observer has seen neither the claim nor its holder's beat change, by key. */
  readonly silent: readonly { readonly key: string; readonly silentMs: number }[];
  readonly leaseMs: number;
  /** Until the next look at the remote. */
  readonly nextLookMs: number;
  /**
   * Pushes of all hosts in the last minute that this one knows of, and the limit of the transport's
   * pace; absent: pushes are not limited, or a version that did not know of it. `waitMs`: until
   * what waits to be pushed here has its turn; absent: nothing waits.
   */
  readonly bus?: { readonly pushes: number; readonly limit: number; readonly waitMs?: number };
  /** What its last pushes carried, newest first; absent from a version that did not know of it. */
  readonly pushes?: readonly PushTold[];
  /**
   * Whether the remote is watched, and how often each source has said "look now". Absent from a
   * version that did not know of it.
   */
  readonly wakes?: { readonly watched: boolean; readonly heard: Readonly<Record<string, number>> };
}

/**
 * The report in what a control socket answered, or null when it is from a version that says
 * something else. Reasons of another `version` than this one are shown as it has put them into
 * words.
 */
export function decodeHostReport(value: unknown, version: string): HostReport | null {
  if (
    !isMapping(value) ||
    parseBeatName(`${String(value['alias'])}.${String(value['instance'])}`) === null
  )
    return null;
  const lists = ['running', 'waiting', 'serves', 'parked', 'silent'];
  const counts = ['slots', 'waitingCount', 'unsent', 'leaseMs', 'nextLookMs'];
  if (
    !lists.every((key) => Array.isArray(value[key])) ||
    !counts.every((key) => typeof value[key] === 'number')
  )
    return null;
  // From our own user's process: only another version could differ, and that shows in the form
  // checked above.
  const report = value as unknown as HostReport;
  if (report.version === version) return report;
  const { waiting, parked } = value as Readonly<Record<string, readonly OlderText[]>>;
  return {
    ...report,
    waiting: report.waiting.map((one, at) => ({ ...one, reason: inItsWords(waiting?.[at]) })),
    parked: report.parked.map((one, at) => ({ ...one, why: inItsWords(parked?.[at]) })),
  };
}

/** Where versions have put a reason in words. */
interface OlderText {
  readonly says?: unknown;
  readonly detail?: unknown;
  readonly why?: unknown;
}

function inItsWords(told: OlderText | undefined): ReasonOf<'other'> {
  const text = [told?.says, told?.detail, told?.why].find((one) => typeof one === 'string');
  return { kind: 'other', text: typeof text === 'string' ? text : '' };
}
