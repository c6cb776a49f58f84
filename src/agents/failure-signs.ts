/**
 * What went wrong, told from the words and numbers that agent programs and providers use for it.
 * One table for all adapters. Pure.
 */
import { describeExit, NO_USAGE, type Parsed, type ProgramOutput } from './adapter.ts';
import type { FailureClass, Usage } from './agent.ts';
import { isBlank, lastLines } from './clean-output.ts';
import { parseRecord, textAt } from './json-values.ts';
import { parseReset } from './limit-reset.ts';

/** Looked for before the HTTP status is: they say more than 429 and 400 do. */
const SPECIFIC: readonly (readonly [FailureClass, RegExp])[] = [
  [
    'usage-limit',
    /quota exceeded|exceeded your current quota|exhausted your|daily quota|insufficient_quota|insufficient (balance|credit|funds)|credit balance|out of credits|usage limit|hit your (usage )?limit|quota (reached|limit for)|limit reached\|\d|billing/i,
  ],
  [
    'context',
    /prompt is too long|ran out of room in the model.s context|maximum (context|number of tokens|prompt length)|context[ _-]?(length|window|overflow)|too many tokens|exceeds the (maximum|context)|ContextOverflow/i,
  ],
];

const GENERAL: readonly (readonly [FailureClass, RegExp])[] = [
  [
    'auth',
    /\b40[13]\b|unauthori[sz]ed|authentication|invalid (x-)?api[ -]?key|incorrect api key|not logged in|log ?in (first|again|to)|please (run )?.?\/?log ?in|missing api key|no (api )?key found|no api key|missing environment variable|no auth(entication)?\b|not authenticated|invalid auth method|expired (token|credentials)|api[_ ]key.{0,20}not (set|found)/i,
  ],
  ['rate-limit', /\b(429|529)\b|too many requests|rate[ _-]?limit|overloaded|resource_?exhausted/i],
  [
    'model',
    // linear: the gap is at most 80 characters
    /\b404\b|issue with the selected model|model.{0,80}(does not exist|not found|not supported|is unknown)|not found on provider|unknown model|no such model/i,
  ],
  ['empty', /empty response|no response was returned/i],
  [
    'setup',
    /not inside a trusted directory|not trusted|untrusted|E2BIG|cannot be used with root|unknown (option|argument|flag)|unexpected argument|unrecognized/i,
  ],
  [
    'unavailable',
    /failed to get response|unexpected EOF|\b(500|502|503|504|520|522|524)\b|connection (refused|error|reset|closed)|could ?n.t connect|(could not|cannot) connect|socket (hang up|connection was closed)|other side closed|closed unexpectedly|unable to connect|ECONN|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|fetch failed|stream (disconnected|error)|high demand|reconnecting|timed out|network|server error|service unavailable|^terminated$|error: terminated/im,
  ],
];

const LOST_SESSION =
  // linear: the gaps are at most 80 characters
  /no conversation found|no rollout found|invalid session identifier|no saved session found|session not found|found in different project|no previous sessions found|no session(,|\b.{0,30}\b(found|match))|session .{0,80}(not found|does not exist)/i;

export interface Said {
  /** All that the program said of the error. */
  readonly text: string;
  /** HTTP status, when it is told apart from the text. */
  readonly status?: number | null;
  readonly usage?: Usage;
  /** When the limit ends, if the program tells it apart from the text. */
  readonly resetAtMs?: number | null;
  /** The class when nothing is recognised; `crash` when it is left out. */
  readonly fallback?: FailureClass;
}

/** The failure that an output tells of, or the loss of the session that was to be continued. */
export function failureFrom(said: Said, output: ProgramOutput): Parsed {
  const text = isBlank(said.text) ? lastLines(output.stderr, 3) : said.text;
  if (output.resumed && LOST_SESSION.test(text)) return { kind: 'lost-session' };
  // A shell that found no program. It may have run others before, so it is not `missing`, which
  // says that nothing ran.
  const isShellFailure = output.exitCode === 126 || output.exitCode === 127;
  return {
    kind: 'failure',
    class:
      classify(text, said.status ?? null) ??
      (isShellFailure ? 'setup' : (said.fallback ?? 'crash')),
    detail: isBlank(text) ? describeExit(output) : plainMessage(text),
    resetAtMs: said.resetAtMs ?? parseReset(text, output.nowMs),
    usage: said.usage ?? NO_USAGE,
  };
}

/** The class that words or a status stand for, or null. */
export function classify(text: string, status: number | null): FailureClass | null {
  return find(SPECIFIC, text) ?? classOfStatus(status) ?? find(GENERAL, text);
}

function find(signs: typeof SPECIFIC, text: string): FailureClass | null {
  return signs.find(([, sign]) => sign.test(text))?.[0] ?? null;
}

function classOfStatus(status: number | null): FailureClass | null {
  if (status === null) return null;
  const known: Readonly<Record<number, FailureClass>> = {
    401: 'auth',
    402: 'usage-limit',
    403: 'auth',
    404: 'model',
    408: 'unavailable',
    413: 'context',
    429: 'rate-limit',
    529: 'rate-limit',
  };
  return known[status] ?? (status >= 500 && status < 600 ? 'unavailable' : null);
}

/** The sentence for people out of a text that is, or ends with, a provider's JSON. */
function plainMessage(text: string): string {
  const start = text.indexOf('{');
  const record = start < 0 ? null : parseRecord(text.slice(start, text.lastIndexOf('}') + 1));
  const message =
    textAt(record, 'error', 'message') ?? textAt(record, 'message') ?? textAt(record, 'error');
  return message === null ? text : `${text.slice(0, start)}${plainMessage(message)}`;
}
