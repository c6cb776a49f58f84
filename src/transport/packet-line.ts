/**
 * Packets of git's protocol (gitprotocol-common(5)): a length in four hexadecimal digits that count
 * too, and the bytes.
 */
import type { Readable } from 'node:stream';

/** What stands between packets: the end of a message, of a section, of an answer over http. */
export const FLUSH = '0000';
export const DELIMITER = '0001';

const LENGTH_DIGITS = 4;
/** No packet is longer; what lies read and unused beyond this lets the other side wait. */
const HELD_BYTES_MAX = 1024 * 1024;

/** A packet of text. */
export function toPacket(text: string): string {
  return (Buffer.byteLength(text) + LENGTH_DIGITS).toString(16).padStart(LENGTH_DIGITS, '0') + text;
}

/**
 * A packet's bytes; `flush`, `delimiter` or `end-of-response` for one of these; `closed` when the
 * stream has ended; `broken` with the digits that are no length.
 */
export type Packet =
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'flush' | 'delimiter' | 'end-of-response' | 'closed' }
  | { readonly kind: 'broken'; readonly digits: string };

export interface PacketReader {
  /** Exactly so many bytes; null when the stream ends before. */
  take(count: number): Promise<Buffer | null>;
  next(): Promise<Packet>;
}

const SPECIAL = ['flush', 'delimiter', 'end-of-response'] as const;

/** Reads a stream from now on; nobody else may read it. */
export function readPackets(stream: Readable): PacketReader {
  let held: Buffer = Buffer.alloc(0);
  let ended = false;
  let wake = (): void => undefined;
  stream.on('data', (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (held.length > HELD_BYTES_MAX) stream.pause();
    wake();
  });
  for (const event of ['end', 'close', 'error'])
    stream.on(event, () => {
      ended = true;
      wake();
    });
  const take = async (count: number): Promise<Buffer | null> => {
    while (held.length < count) {
      if (ended) return null;
      stream.resume();
      await new Promise<void>((resolve) => (wake = resolve));
    }
    const taken = held.subarray(0, count);
    held = held.subarray(count);
    if (held.length < HELD_BYTES_MAX && stream.isPaused()) stream.resume();
    return taken;
  };
  return {
    take,
    next: async () => {
      const digits = (await take(LENGTH_DIGITS))?.toString('latin1');
      if (digits === undefined) return { kind: 'closed' };
      const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : 3;
      const special = SPECIAL[length];
      if (special !== undefined) return { kind: special };
      if (length < LENGTH_DIGITS) return { kind: 'broken', digits };
      const bytes = await take(length - LENGTH_DIGITS);
      return bytes === null ? { kind: 'closed' } : { kind: 'bytes', bytes };
    },
  };
}
