/**
 * A claim: the record at `refs/crosstalk/claims/<key>` that reserves one (message, recipient) for
 * one dispatcher. PROTOCOL.md "Claims".
 */
import { parseJson } from '../base/parse-json.ts';
import { type Oid, parseOid } from '../base/ids.ts';
import type { Effects } from './models.ts';
import { isAlias, isName } from './names.ts';
import { pathProblem } from './paths.ts';
import { isMapping } from './yaml.ts';

export interface Claim {
  /** Path of the message as it was when claimed. */
  readonly message: string;
  /** The exact bytes that the agent gets. */
  readonly blob: Oid;
  readonly recipient: string;
  readonly alias: string;
  readonly instance: string;
  /** The dispatcher process: twins with one instance still differ in it. */
  readonly run: string;
  /** 1 for the first invocation; every takeover and retry adds one. */
  readonly attempt: number;
  readonly nonce: string;
  readonly effects: Effects;
  /** Path of the last question that its agent asked of a person; absent: none. */
  readonly asks?: string;
}

/** The one line of JSON that a claim commit carries. */
export function formatClaim(claim: Claim): string {
  const { message, blob, recipient, alias, instance, run, attempt, nonce, effects, asks } = claim;
  return JSON.stringify({
    v: 1,
    message,
    blob,
    recipient,
    alias,
    instance,
    run,
    attempt,
    nonce,
    effects,
    asks,
  });
}

/**
 * The claim in a commit message; null for anything else. Nothing is ever run because of one, so
 * garbage is only reported.
 */
export function parseClaim(text: string): Claim | null {
  const raw = parseRecord(text);
  if (raw === null || raw['v'] !== 1) return null;
  const { message, recipient, alias, instance, run, attempt, nonce, effects } = raw;
  const blob = typeof raw['blob'] === 'string' ? parseOid(raw['blob']) : null;
  if (blob === null || typeof message !== 'string' || pathProblem(message) !== null) return null;
  if (
    typeof recipient !== 'string' ||
    !isName(recipient) ||
    typeof alias !== 'string' ||
    !isAlias(alias)
  )
    return null;
  if (
    !isHex(instance) ||
    !isHex(run) ||
    !isHex(nonce) ||
    (effects !== 'none' && effects !== 'external')
  )
    return null;
  if (
    typeof attempt !== 'number' ||
    !Number.isInteger(attempt) ||
    attempt < 1 ||
    attempt > 1_000_000
  )
    return null;
  const more = readAsks(raw['asks']);
  return { message, blob, recipient, alias, instance, run, attempt, nonce, effects, ...more };
}

/** A question that cannot be read does not count; the claim does. */
function readAsks(asks: unknown): Pick<Claim, 'asks'> {
  return typeof asks === 'string' && pathProblem(asks) === null ? { asks } : {};
}

/**
 * The JSON object on the first line of a record's commit message, or null. Bounded: records are
 * short.
 */
export function parseRecord(text: string): Readonly<Record<string, unknown>> | null {
  if (text.length > 65_536) return null;
  const raw = parseJson(text);
  return isMapping(raw) ? raw : null;
}

/** True for short lower-case hex, the form of instances, runs and nonces. */
export function isHex(value: unknown): value is string {
  return typeof value === 'string' && /^[0-9a-f]{8,64}$/.test(value);
}
