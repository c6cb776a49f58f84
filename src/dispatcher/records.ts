/** Records that other hosts wrote at refs, as read. */
import { parseClaim } from '../protocol/claim.ts';
import type { SeenRecord } from './notes.ts';

/**
 * A record with this text. It is read once: a claim that stands for long is asked about with every
 * look.
 */
export function createRecord(text: string): SeenRecord {
  return { text, claim: parseClaim(text) };
}
