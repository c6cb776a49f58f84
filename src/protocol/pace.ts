/**
 * data/transport.yaml: how often all hosts of a transport together may call its remote, and what
 * follows for leases. PROTOCOL.md "Pace". Pure.
 */
import { ownValue } from '../base/own-value.ts';
import { MINUTE, SECOND } from '../base/clock.ts';
import { type FileProblem, type MappingFile, readMappingFile } from './take.ts';
import { describe, isMapping } from './yaml.ts';

/** How often all hosts together may call the remote. */
export interface Limits {
  readonly pushesPerMinute: number;
  readonly readsPerSecond: number;
}

/** `limits: null` = as often as there is something to say: a remote of one's own. */
export interface Pace {
  readonly name: 'own' | 'hosted' | 'numbers';
  readonly limits: Limits | null;
}

/** Times that separate a silent host from a living one; milliseconds. */
export interface LeaseTimes {
  readonly leaseMs: number;
  readonly beatMs: number;
  /** A holder that could not beat stops its agents this long before its lease ends. */
  readonly marginMs: number;
}

export const OWN_PACE: Pace = { name: 'own', limits: null };
/** What the most careful of the forges recommends for a repository, and half of its reads. */
export const HOSTED_PACE: Pace = {
  name: 'hosted',
  limits: { pushesPerMinute: 6, readsPerSecond: 8 },
};
/** Leases where a push a minute and host is much. */
export const SLOW_LEASE: LeaseTimes = {
  leaseMs: 10 * MINUTE,
  beatMs: 3 * MINUTE,
  marginMs: 100 * SECOND,
};
/** Below this many pushes a minute the lease is the slow one. */
const SLOW_PUSHES = 60;
const PUSHES_MAX = 600;
const READS_MAX = 1_000;
/** Hosts whose operator pays with a rate limit, by the last labels of their names. */
const FORGES = ['github.com', 'gitlab.com', 'dev.azure.com', 'bitbucket.org', 'codeberg.org'];
const FORMS = 'own, hosted, or { pushes-per-minute: N, reads-per-second: N }';

/** Whether leases are the slow ones in this pace. */
export function isSlow({ limits }: Pace): boolean {
  return limits !== null && limits.pushesPerMinute < SLOW_PUSHES;
}

/** The pace that fits the address of a remote, by the name of its host; paths are one's own. */
export function paceOfUrl(url: string): Pace {
  const host = /^(?:[a-z+]+:\/\/)?(?:[^@/]*@)?([^/:]+)[:/]/i.exec(url)?.[1]?.toLowerCase() ?? '';
  const isForge = FORGES.some((forge) => host === forge || host.endsWith(`.${forge}`));
  return isForge ? HOSTED_PACE : OWN_PACE;
}

/** The text of a data/transport.yaml with one of the named paces. */
export function formatTransport(pace: Pace): string {
  return `# How often all hosts together may call the remote: ${FORMS}\npace: ${pace.name}\n`;
}

/** Reads a transport.yaml. With a problem nothing of it counts; without the file: `own`. */
export function decodeTransport(text: string): {
  readonly pace: Pace | null;
  readonly problems: readonly FileProblem[];
} {
  const { value, problems, refuse } = readMappingFile(text);
  if (value === null) return { pace: null, problems };
  for (const key of Object.keys(value))
    if (key !== 'pace') refuse([key], `unknown key "${key}"`, 'pace');
  const raw = Object.hasOwn(value, 'pace') ? value['pace'] : 'own';
  const pace = decodePace(raw, refuse);
  return { pace: problems.length === 0 ? pace : null, problems };
}

function decodePace(raw: unknown, refuse: MappingFile['refuse']): Pace | null {
  if (raw === 'own') return OWN_PACE;
  if (raw === 'hosted') return HOSTED_PACE;
  if (!isMapping(raw)) return refuse(['pace'], describe(raw), FORMS);
  const keys = { 'pushes-per-minute': PUSHES_MAX, 'reads-per-second': READS_MAX };
  for (const key of Object.keys(raw))
    if (!Object.hasOwn(keys, key))
      refuse(['pace', key], `unknown key "${key}"`, Object.keys(keys).join(', '));
  const [pushesPerMinute, readsPerSecond] = Object.entries(keys).map(([key, max]) => {
    const value = ownValue(raw, key);
    if (typeof value === 'number' && value >= 1 && value <= max) return value;
    refuse(['pace', key], value === undefined ? `no "${key}"` : describe(value), `1 … ${max}`);
    return 1;
  });
  return {
    name: 'numbers',
    limits: {
      pushesPerMinute: Math.floor(pushesPerMinute ?? 1),
      readsPerSecond: readsPerSecond ?? 1,
    },
  };
}
