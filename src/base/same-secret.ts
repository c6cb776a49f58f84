/** Compares secrets. */
import { createHash, timingSafeEqual } from 'node:crypto';

/** Equality, in a time that depends on neither text. */
export function isSameSecret(given: string, secret: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(secret));
}
