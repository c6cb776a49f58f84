/**
 * From what was parsed to how the attempt ended: checked, cleaned, without secrets. The same for
 * programs and services.
 */
import { formatDuration } from '../base/duration.ts';
import type { ModelEntry } from '../protocol/models.ts';
import { NO_USAGE, type Parsed } from './adapter.ts';
import type { AttemptOutcome, AttemptRequest, Failed, FailureClass } from './agent.ts';
import { cleanText, isBlank, lastLines, oneLine } from './clean-output.ts';
import { hideCredentials, type Redact } from './redact.ts';

/** Longest detail of a failure. */
const DETAIL_MAX = 400;

/** What an outcome is judged with. */
export interface Judging {
  readonly entry: ModelEntry;
  readonly redact: Redact;
  /** Output as it came, kept for a person when the attempt fails. */
  readonly raw: Uint8Array;
  /** The version to name when the output has none. */
  readonly fallbackVersion: string | null;
}

/** The outcome of an answer; a blank or too long one is a failure. */
export function answer(
  parsed: Extract<Parsed, { kind: 'answer' }>,
  { entry, redact, raw, fallbackVersion }: Judging,
): AttemptOutcome {
  const refuse = (kind: FailureClass, detail: string): AttemptOutcome => ({
    ...failed(kind, detail),
    usage: parsed.usage,
    rawOutput: keepRaw(raw),
  });
  const text = trimLines(redact(cleanText(parsed.text)));
  if (isBlank(text)) return refuse('empty', 'it succeeded and said nothing');
  const bytes = Buffer.byteLength(text);
  if (bytes > entry.outputBytesMax)
    return refuse(
      'too-large',
      `an answer of ${bytes} bytes; "output-bytes-max" is ${entry.outputBytesMax}`,
    );
  const version = parsed.version ?? fallbackVersion;
  return {
    kind: 'answered',
    text,
    session: parsed.session,
    usage: parsed.usage,
    agent: version === null ? null : `${entry.adapter} ${version}`,
    durationMs: 0,
  };
}

/** The outcome of a failure that the output reports. */
export function failure(
  parsed: Extract<Parsed, { kind: 'failure' }>,
  { redact, raw }: Pick<Judging, 'redact' | 'raw'>,
): Failed {
  return {
    ...failed(parsed.class, oneLine(redact(parsed.detail), DETAIL_MAX)),
    resetAtMs: parsed.resetAtMs,
    usage: parsed.usage,
    rawOutput: keepRaw(raw),
  };
}

/** What ended an attempt from our side, and what is known of it. */
export interface LimitReached extends Pick<Judging, 'entry' | 'redact' | 'raw'> {
  /** What it said last. */
  readonly said: string;
  readonly parsed: Parsed;
}

/**
 * What was ended while it tried again and again after one of these has failed for that reason, not
 * for the time it took.
 */
const WAITING_CLASSES: readonly FailureClass[] = [
  'auth',
  'rate-limit',
  'usage-limit',
  'unavailable',
];

/** The outcome of an attempt that one of its limits has ended. */
export function limitReached(cause: 'timeout' | 'idle' | 'too-large', limit: LimitReached): Failed {
  const { entry, parsed } = limit;
  const what = {
    timeout: `no answer within ${formatDuration(entry.timeoutMs)}, ended ("timeout")`,
    idle: `no output for ${formatDuration(entry.idleTimeoutMs)}, ended ("idle-timeout")`,
    'too-large': `more output than ${entry.outputBytesMax} bytes, ended ("output-bytes-max")`,
  }[cause];
  const reason =
    cause !== 'too-large' && parsed.kind === 'failure' && WAITING_CLASSES.includes(parsed.class)
      ? parsed
      : null;
  const last = oneLine(limit.redact(reason?.detail ?? lastLines(limit.said, 1)), DETAIL_MAX / 2);
  return {
    ...failed(reason?.class ?? cause, last === '' ? what : `${what}; it said last: ${last}`),
    resetAtMs: reason?.resetAtMs ?? null,
    rawOutput: keepRaw(limit.raw),
  };
}

/** A failure of which nothing more is known. */
export function failed(kind: FailureClass, detail: string): Failed {
  return {
    kind: 'failed',
    class: kind,
    detail,
    resetAtMs: null,
    usage: NO_USAGE,
    durationMs: 0,
    rawOutput: null,
  };
}

/** Output worth keeping, or null. */
export function keepRaw(raw: Uint8Array): Uint8Array | null {
  return raw.length === 0 ? null : raw;
}

/** Characters of what was said that are kept until somebody asks for its end. */
const SAID_CHARS_MAX = 32_768;

/**
 * What people who watch are shown, clean and without secrets, and what is left of it when the
 * attempt is stopped.
 */
export function createShown(
  request: Pick<AttemptRequest, 'entry' | 'onOutput' | 'onSaid'>,
  redact: Redact,
) {
  const pieces: string[] = [];
  let said = '';
  const hide = hideCredentials(redact);
  request.onSaid?.({ soFar: () => hide(cleanText(said)), redact: hide });
  let room = request.entry.outputBytesMax;
  const show = (text: string): void => {
    said = (said + text).slice(-SAID_CHARS_MAX);
    const clean = redact(cleanText(text));
    if (room > 0) pieces.push(clean.slice(0, room));
    room -= clean.length;
    tell(clean);
  };
  const tell = (clean: string): void => {
    try {
      request.onOutput(clean);
    } catch {
      // Somebody who watches and fails must not end what is watched.
    }
  };
  /** For people who watch only: it is no part of what the agent says. */
  const mention = (text: string): void => tell(redact(cleanText(text)));
  return { show, mention, text: () => redact(pieces.join('')) };
}

/**
 * Without blank lines before it and white space after it; the indentation of its first line stays.
 */
function trimLines(text: string): string {
  return text.replace(/^(?:[^\S\n]*\n)+/, '').trimEnd();
}
