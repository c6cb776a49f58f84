/** What went wrong, by the structure and the words of an error. Pure. */
import { isMapping } from '../protocol/yaml.ts';
import {
  describeExit,
  NO_USAGE,
  type Parsed,
  type ProgramOutput,
  type SessionTotal,
} from './adapter.ts';
import type { FailureClass, Usage } from './agent.ts';
import { isBlank, lastLines } from './clean-output.ts';
import { classify } from './failure-words.ts';
import { jsonValues, parseRecord, textAt } from './json-values.ts';
import { parseReset } from './limit-reset.ts';

const LOST_SESSION =
  // linear: the gaps are at most 80 characters
  /no conversation found|no rollout found|invalid session identifier|no saved session found|session not found|found in different project|no previous sessions found|no session(,|\b.{0,30}\b(found|match))|session .{0,80}(not found|does not exist)/i;

/** Classes that end on their own, so that a time in their words is that of their end. */
const PASSING: readonly FailureClass[] = ['rate-limit', 'usage-limit', 'unavailable'];

/** Keys of a provider's error under which its code stands. */
const CODE_KEYS = [
  'type',
  'code',
  'status',
  'reason',
  'name',
  'errorType',
  'errorKind',
  'errorName',
  'codexErrorInfo',
  'error',
];
const STATUS_KEYS = ['status', 'statusCode', 'status_code', 'code'];
/** How deep errors are wrapped into errors, and how many of their values are looked at. */
const DEPTH_MAX = 5;
const VALUES_MAX = 200;

export interface Said {
  /** All that the program said of the error. */
  readonly text: string;
  /** HTTP status, when it is separate from the text. */
  readonly status?: number | null;
  /** Codes and types of the error that are separate from the text. */
  readonly codes?: readonly (string | null)[];
  readonly usage?: Usage;
  readonly total?: SessionTotal;
  /** When the limit ends, if the program gives it separately from the text. */
  readonly resetAtMs?: number | null;
  /** The class when nothing is recognised; `crash` when it is left out. */
  readonly fallback?: FailureClass;
}

/** The failure that an output reports, or the loss of the session that was to be continued. */
export function failureFrom(said: Said, output: ProgramOutput): Parsed {
  const text = isBlank(said.text) ? lastLines(output.stderr, 3) : said.text;
  if (output.resumed && LOST_SESSION.test(text)) return { kind: 'lost-session' };
  // A shell that found no program. It may have run others before, so it is not `missing`, which
  // says that nothing ran.
  const isShellFailure = output.exitCode === 126 || output.exitCode === 127;
  const kind = classOf(text, said) ?? (isShellFailure ? 'setup' : (said.fallback ?? 'crash'));
  return {
    kind: 'failure',
    class: kind,
    detail: isBlank(text) ? describeExit(output) : plainMessage(text),
    resetAtMs: PASSING.includes(kind) ? (said.resetAtMs ?? parseReset(text, output.nowMs)) : null,
    usage: said.usage ?? NO_USAGE,
    ...(said.total === undefined ? {} : { total: said.total }),
  };
}

/** The class that structure and words stand for, or null. JSON in the text counts as structure. */
export function classOf(text: string, told: Pick<Said, 'status' | 'codes'>): FailureClass | null {
  const found = signsIn(jsonValues(text));
  return classify({
    text,
    status: told.status ?? found.status,
    codes: [...(told.codes ?? []), ...found.codes].filter((code) => code !== null),
  });
}

/** Codes and the HTTP status in the errors that these values are or hold. */
export function signsIn(values: readonly unknown[]): {
  readonly codes: readonly string[];
  readonly status: number | null;
} {
  const codes: string[] = [];
  let status: number | null = null;
  let room = VALUES_MAX;
  const visit = (value: unknown, depth: number): void => {
    if (depth > DEPTH_MAX || room <= 0) return;
    room -= 1;
    if (Array.isArray(value)) for (const item of value as unknown[]) visit(item, depth + 1);
    if (!isMapping(value)) return;
    for (const [key, inner] of Object.entries(value)) {
      if (typeof inner === 'string' && CODE_KEYS.includes(key)) codes.push(inner);
      if (typeof inner === 'number' && STATUS_KEYS.includes(key) && inner >= 400 && inner < 600)
        status ??= inner;
      // A provider's error is often passed on as the text of another one.
      if (typeof inner === 'string' && inner.includes('{')) visit(jsonValues(inner), depth + 1);
      else if (typeof inner === 'object') visit(inner, depth + 1);
    }
  };
  visit(values, 0);
  return { codes, status };
}

/** The sentence for people out of a text that is, or ends with, a provider's JSON. */
function plainMessage(text: string): string {
  const start = text.indexOf('{');
  const record = start < 0 ? null : parseRecord(text.slice(start, text.lastIndexOf('}') + 1));
  const message =
    textAt(record, 'error', 'message') ?? textAt(record, 'message') ?? textAt(record, 'error');
  return message === null ? text : `${text.slice(0, start)}${plainMessage(message)}`;
}
