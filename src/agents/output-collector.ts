/**
 * Takes the standard output of a program as it comes: keeps what is needed within a limit, and
 * hands whole lines to anyone who watches.
 */
import { Buffer } from 'node:buffer';

/** A line longer than this is shown in pieces. */
const SHOWN_LINE_MAX = 65_536;

export interface CollectorOptions {
  readonly bytesMax: number;
  /**
   * Sees every line (without its end). Gives false for a line that need not be kept; then it does
   * not count against the limit either.
   */
  readonly onLine: (line: string) => boolean;
  /**
   * True: what `onLine` refuses is dropped, and so is a line that is longer than the limit.
   * False: all bytes are kept as they came.
   */
  readonly byLine: boolean;
}

/** A dropped line may be this many times the limit: nothing reasonable is longer. */
const DROPPED_LINE_FACTOR = 64;

export interface Collector {
  /** Takes a chunk; false when the limit is passed. What comes after that is dropped. */
  push(chunk: Uint8Array): boolean;
  /** Hands out the last line when it has no end. To be called once, when no more comes. */
  finish(): void;
  /** What was kept, up to the limit. */
  bytes(): Uint8Array;
  /** How many lines were dropped unseen, because they were too long. */
  droppedLines(): number;
}

/**
 * A collector. Lines are decoded across chunks, so a character split over two of them stays whole.
 */
export function createCollector(options: CollectorOptions): Collector {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  const kept: Uint8Array[] = [];
  let keptBytes = 0;
  let pending: string[] = [];
  let pendingLength = 0;
  let dropped = 0;
  const lineMax = Math.max(options.bytesMax, SHOWN_LINE_MAX);

  const isOver = (): boolean =>
    keptBytes > options.bytesMax || pendingLength > lineMax * DROPPED_LINE_FACTOR;
  const keep = (bytes: Uint8Array): void => {
    const room = options.bytesMax - keptBytes;
    if (room > 0) kept.push(bytes.length > room ? bytes.slice(0, room) : bytes);
    keptBytes += bytes.length;
  };
  const endLine = (end: string): void => {
    const line = pending.join('');
    const isDropped = pendingLength > lineMax;
    pending = [];
    pendingLength = 0;
    if (isDropped) dropped += 1;
    else if (options.onLine(line) && options.byLine) keep(Buffer.from(line + end));
  };
  const takeText = (text: string): void => {
    const parts = text.split('\n');
    for (const [index, part] of parts.entries()) {
      pendingLength += part.length;
      if (pendingLength > lineMax) pending = [];
      else pending.push(part);
      const tooLongToShow = !options.byLine && pendingLength > SHOWN_LINE_MAX;
      if (index < parts.length - 1) endLine('\n');
      else if (tooLongToShow) endLine('');
    }
  };
  return {
    push: (chunk) => {
      if (isOver()) return false;
      if (!options.byLine) keep(chunk);
      takeText(decoder.decode(chunk, { stream: true }));
      return !isOver();
    },
    finish: () => {
      takeText(decoder.decode());
      if (pendingLength > 0) endLine('');
    },
    bytes: () => Buffer.concat(kept),
    droppedLines: () => dropped,
  };
}

/** Hands out whole lines and keeps nothing. */
export function hearLines(onLine: (line: string) => void): Pick<Collector, 'push' | 'finish'> {
  const hear = (line: string): boolean => {
    onLine(line);
    return false;
  };
  return createCollector({ bytesMax: 0, byLine: true, onLine: hear });
}
