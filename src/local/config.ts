/**
 * The settings of one host: what each means, in which unit, and its default. How they are written
 * stands in config-settings.ts.
 */
import { DAY, MINUTE, SECOND } from '../base/clock.ts';
import type { Rights, SignedKind } from '../protocol/trust.ts';
import type { Notifier } from './notify-settings.ts';

/**
 * Every setting, checked. Durations are milliseconds here and `90s`, `30m`, `7d` or a bare number
 * of seconds where people write them.
 */
export interface Config {
  /** Name of this host in addresses (`opus@mbp`). Default: the machine's host name, made to fit. */
  readonly alias: string;
  /** Agents at work at the same time on this host. Default 4. */
  readonly concurrency: number;
  /**
   * Shortest pause between two looks at the remote, right after something happened. Default 500 ms.
   */
  readonly intervalMinMs: number;
  /** Longest pause between two looks at the remote, when nothing happens. Default 30 s. */
  readonly intervalMaxMs: number;
  /**
   * Silence after which a claim may be taken over. All hosts of a transport should have the same.
   * Default 2 m.
   */
  readonly leaseMs: number;
  /**
   * Pause between two signs of life while this host holds claims. At most a third of the lease.
   * Default: a quarter of it.
   */
  readonly beatMs: number;
  /**
   * Safety margin: a host that cannot beat kills its agents this long before its lease ends.
   * Default: a sixth of the lease.
   */
  readonly leaseMarginMs: number;
  /** Older messages are listed as stale and not run. Default 7 d. */
  readonly maxAgeMs: number;
  /** Messages of agents answering agents, in a row, before it ends. Default 4. */
  readonly hopsMax: number;
  /**
   * Remotes by http:// are allowed, though anybody on the way can read and change them. Default
   * false.
   */
  readonly allowHttp: boolean;
  /** The only models that this host serves; null = all it can. Default null. */
  readonly only: readonly string[] | null;
  /** Time that running agents get when the dispatcher has to end. Default 10 s. */
  readonly shutdownGraceMs: number;
  /** Limit of one git command that talks to the remote. Default 60 s. */
  readonly networkTimeoutMs: number;
  /** Earlier messages of the thread that an agent is shown. Default 20. */
  readonly threadMessagesMax: number;
  /** Bytes of thread that an agent is shown. Default 65,536. */
  readonly threadBytesMax: number;
  /** Failed attempts of a model within `failureWindowMs` after which it rests. Default 6. */
  readonly failuresMax: number;
  /** The time in which those failures count. Default 60 s. */
  readonly failureWindowMs: number;
  /** Size at which the log file is rotated. Default 10 MiB. */
  readonly logBytesMax: number;
  /** The directories that a message's `project:` can mean. Default none. */
  readonly projects: Projects;
  /**
   * Whose orders to all hosts are obeyed: `any` = of anyone who can push, `local` = nobody's but
   * those that are given on this machine. Default any.
   */
  readonly obeyControl: 'any' | 'signed' | 'local';
  /** A remote on a file system of this machine is watched instead of asked. Default true. */
  readonly watch: boolean;
  /**
   * Where calls that say "look now" are taken: a port of this machine, or `host:port`; null =
   * nowhere. Default null.
   */
  readonly listen: string | null;
  /**
   * Where other hosts can call this one, as its beat says: `host:port`; null = its beat says
   * nothing. Default null.
   */
  readonly wakeAddress: string | null;
  /**
   * The only addresses, networks and names that this host calls when beats name them. Default none.
   */
  readonly wakePeers: readonly string[];
  /** Who is notified, and how, when something needs a person. Default nobody. */
  readonly notify: readonly Notifier[];
  /**
   * The cache begins without the contents of older messages; they are fetched when they are read.
   * Default false.
   */
  readonly partialCache: boolean;
  /** Address of a second remote that gets the branch and is never read. Default null: none. */
  readonly mirror: string | null;
  /** This machine does not go to sleep on its own while agents run. Default true. */
  readonly wakeLock: boolean;
  /** What must be signed by somebody whom this host knows. Default nothing. */
  readonly requireSigned: readonly SignedKind[];
  /** What each person may do, where it must be signed. Default null: all who are known, all. */
  readonly people: Rights | null;
}

/** Directories of projects; absolute or `~/…`. */
export interface Projects {
  readonly named: Readonly<Record<string, string>>;
  /** Called as their remotes are. */
  readonly listed: readonly string[];
}

/**
 * The defaults, in one place. `alias`, `beatMs` and `leaseMarginMs` depend on the host and on the
 * lease when it is changed.
 */
export const DEFAULTS = {
  alias: 'host',
  concurrency: 4,
  intervalMinMs: 500,
  intervalMaxMs: 30 * SECOND,
  leaseMs: 2 * MINUTE,
  beatMs: 30 * SECOND,
  leaseMarginMs: 20 * SECOND,
  maxAgeMs: 7 * DAY,
  hopsMax: 4,
  allowHttp: false,
  only: null,
  shutdownGraceMs: 10 * SECOND,
  networkTimeoutMs: MINUTE,
  threadMessagesMax: 20,
  threadBytesMax: 65_536,
  failuresMax: 6,
  failureWindowMs: MINUTE,
  logBytesMax: 10 * 1_048_576,
  projects: { named: {}, listed: [] },
  obeyControl: 'any',
  watch: true,
  listen: null,
  wakeAddress: null,
  wakePeers: [],
  notify: [],
  partialCache: false,
  mirror: null,
  wakeLock: true,
  requireSigned: [],
  people: null,
} as const satisfies Config;

/** Where a value comes from. `derived`: a default that follows another setting. */
export type Origin =
  | { readonly kind: 'default' }
  | { readonly kind: 'derived'; readonly from: keyof Config }
  | { readonly kind: 'file'; readonly path: string; readonly line: number }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'flag'; readonly name: string };

/** Every setting's origin. */
export type Origins = Readonly<Record<keyof Config, Origin>>;
