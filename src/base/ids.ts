import { ulid } from 'ulid';
import type { Clock } from './clock.ts';
import type { Random } from './random.ts';

declare const brand: unique symbol;
/** A string that has passed the check its name speaks of; a plain string does not fit. */
export type Branded<Name extends string> = string & { readonly [brand]: Name };

/** A git object id, 40 or 64 lower-case hex. */
export type Oid = Branded<'Oid'>;

/**
 * The object id in `text`, or null when it is none or the all-zero one that git writes for
 * "absent".
 */
export function parseOid(text: string): Oid | null {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text) && !/^0+$/.test(text) ? (text as Oid) : null;
}

/** A new ULID (26 characters, sorts by time). */
export function newUlid(clock: Pick<Clock, 'wallMs'>, random: Random): string {
  return ulid(clock.wallMs(), () => random.next());
}
