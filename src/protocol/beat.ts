/**
 * A beat: the record at `refs/crosstalk/hosts/<alias>.<instance>` by which a host shows that it
 * lives and what it serves. PROTOCOL.md "Hosts".
 */
import { isHex, parseRecord } from './claim.ts';
import { decodeRest } from './decode-rest.ts';
import { isAlias, isName } from './names.ts';
import type { RestReason } from './reason.ts';
import { sayReason } from './say-reason.ts';
import { parseSshKey } from './ssh-signature.ts';
import { SIGNED_KINDS, type SignedKind } from './trust.ts';
import { parseWakeAddress } from './wake-address.ts';
import { isMapping } from './yaml.ts';

export const HOST_STATES = ['running', 'paused', 'draining', 'stopped'] as const;
export type HostState = (typeof HOST_STATES)[number];

/**
 * A model that a host would serve and cannot at the moment. `untilMs`: milliseconds since the epoch
 * on that host's clock, for people.
 */
export interface BlockedModel {
  readonly model: string;
  readonly why: RestReason;
  readonly untilMs: number | null;
}

export interface Beat {
  readonly alias: string;
  readonly instance: string;
  readonly run: string;
  /** Counts up, so that every beat is another object. */
  readonly count: number;
  readonly version: string;
  readonly state: HostState;
  readonly slots: number;
  readonly busy: number;
  /**
   * Claims that it holds once the push has landed that carried this beat; absent: from a version
   * that did not say it.
   */
  readonly holds?: number;
  readonly models: readonly string[];
  readonly blocked: readonly BlockedModel[];
  /** Its longest pause between two polls; null = from a version that did not say it. */
  readonly pollMs: number | null;
  /** Where it can be called to look at once; null = nowhere. Anybody who can push may forge it. */
  readonly wake: string | null;
  /**
   * How many seconds ago it pushed, this beat's push included, within the last minute; absent:
   * from a version that did not say it.
   */
  readonly pushes?: readonly number[];
  /**
   * How many seconds ago a host was told by the remote that it calls too often; absent: not lately.
   */
  readonly limited?: number;
  /** What it requires signatures for; absent: for nothing. */
  readonly requires?: readonly SignedKind[];
  /** Its public key, by which it signs what it commits; absent: it has none. */
  readonly key?: string;
  /** Wall clock of the host, for people only: never compared with another clock. */
  readonly atMs: number;
}

/** Most pushes that a beat lists, none older than a minute. */
export const PUSHES_TOLD_MAX = 600;
const AGE_S_MAX = 3_600;

/** The last part of a beat's ref. */
export function beatName(host: { readonly alias: string; readonly instance: string }): string {
  return `${host.alias}.${host.instance}`;
}

/** Alias and instance out of the last part of a beat's ref, or null. */
export function parseBeatName(
  name: string,
): { readonly alias: string; readonly instance: string } | null {
  const dot = name.lastIndexOf('.');
  const [alias, instance] = [name.slice(0, dot), name.slice(dot + 1)];
  return dot > 0 && isAlias(alias) && isHex(instance) ? { alias, instance } : null;
}

/**
 * The one line of JSON that a beat commit carries. A reason goes as facts, and in words for hosts
 * that do not know its kind.
 */
export function formatBeat(beat: Beat): string {
  const blocked = beat.blocked.map(({ model, why, untilMs }) => ({
    model,
    why: sayReason(why),
    reason: why,
    untilMs,
  }));
  return JSON.stringify({ v: 1, ...beat, blocked });
}

/** The beat in a commit message; null for anything else. */
export function parseBeat(text: string): Beat | null {
  const raw = parseRecord(text);
  if (raw === null || raw['v'] !== 1) return null;
  const { alias, instance, run, version } = raw;
  const state = HOST_STATES.find((known) => known === raw['state']);
  if (
    typeof alias !== 'string' ||
    !isAlias(alias) ||
    !isHex(instance) ||
    !isHex(run) ||
    state === undefined
  )
    return null;
  const count = (value: unknown): number =>
    typeof value === 'number' && Number.isFinite(value) ? value : 0;
  return {
    alias,
    instance,
    run,
    count: count(raw['count']),
    version: typeof version === 'string' ? version.slice(0, 40) : '',
    state,
    slots: count(raw['slots']),
    busy: count(raw['busy']),
    models: Array.isArray(raw['models'])
      ? raw['models']
          .filter((name): name is string => typeof name === 'string' && isName(name))
          .slice(0, 1_000)
      : [],
    blocked: Array.isArray(raw['blocked'])
      ? raw['blocked'].flatMap(decodeBlocked).slice(0, 1_000)
      : [],
    pollMs: typeof raw['pollMs'] === 'number' && raw['pollMs'] > 0 ? raw['pollMs'] : null,
    wake:
      typeof raw['wake'] === 'string' && parseWakeAddress(raw['wake']) !== null
        ? raw['wake']
        : null,
    ...(raw['holds'] === undefined ? {} : { holds: count(raw['holds']) }),
    ...(Array.isArray(raw['pushes'])
      ? { pushes: raw['pushes'].slice(0, PUSHES_TOLD_MAX).filter(isAge) }
      : {}),
    ...(isAge(raw['limited']) ? { limited: raw['limited'] } : {}),
    ...requiredOf(raw['requires']),
    ...keyOf(raw['key']),
    atMs: count(raw['atMs']),
  };
}

function isAge(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= AGE_S_MAX;
}

function requiredOf(raw: unknown): Pick<Beat, 'requires'> {
  const kinds = Array.isArray(raw) ? SIGNED_KINDS.filter((kind) => raw.includes(kind)) : [];
  return kinds.length === 0 ? {} : { requires: kinds };
}

function keyOf(raw: unknown): Pick<Beat, 'key'> {
  const key = typeof raw === 'string' ? parseSshKey(raw) : null;
  return key === null ? {} : { key };
}

function decodeBlocked(raw: unknown): readonly BlockedModel[] {
  if (!isMapping(raw) || typeof raw['model'] !== 'string' || !isName(raw['model'])) return [];
  return [
    {
      model: raw['model'],
      why: decodeRest(raw['reason'], raw['why']),
      untilMs: typeof raw['untilMs'] === 'number' ? raw['untilMs'] : null,
    },
  ];
}
