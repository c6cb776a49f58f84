/**
 * The words, codes and HTTP statuses by which programs and providers tell what went wrong, one
 * table for all adapters. Codes say most, then words that say more than a status does, then the
 * status, then other words. Pure.
 */
import type { FailureClass } from './agent.ts';

type Words = readonly (readonly [FailureClass, RegExp])[];

/** `error.type`, `error.code`, `error.status` and the like: exact, without case, `_` for `-`. */
const CODES: Readonly<Record<string, FailureClass>> = {
  ...all('auth', [
    ...['authentication_error', 'authentication', 'authentication_failed', 'permission_error'],
    ...['permission_denied', 'unauthenticated', 'unauthorized', 'forbidden', 'invalid_api_key'],
    ...['api_key_invalid', 'invalid_token', 'token_expired', 'token_revoked', 'invalid_grant'],
    ...['oauth_org_not_allowed', 'account_deactivated', 'refresh_token_reused', 'login_required'],
    ...['providerautherror', 'refresh_token_expired', 'refresh_token_invalidated'],
  ]),
  ...all('usage-limit', [
    ...['insufficient_quota', 'quota_exceeded', 'usage_limit_reached', 'usagelimitexceeded'],
    ...[
      'usage_limit_exceeded',
      'usage_not_included',
      'billing_error',
      'billing_hard_limit_reached',
    ],
    ...['payment_required', 'insufficient_credits', 'insufficient_balance', 'credits_exhausted'],
    ...['organization_spend_limit_exceeded', 'arrearage', 'freeusagelimiterror', 'creditserror'],
    ...['subscriptionusagelimiterror', 'free_tier_limit_exceeded', 'spend_limit_reached'],
  ]),
  ...all('rate-limit', [
    ...[
      'rate_limit_error',
      'rate_limit',
      'rate_limit_exceeded',
      'rate_limited',
      'too_many_requests',
    ],
    ...['overloaded_error', 'overloaded', 'server_overloaded', 'serveroverloaded', 'slow_down'],
    ...['resource_exhausted', 'throttling', 'throttlingexception', 'model_capacity_exhausted'],
  ]),
  ...all('context', [
    ...['context_length_exceeded', 'contextoverflowerror', 'request_too_large', 'context_overflow'],
    ...['model_context_window_exceeded', 'contextwindowexceeded', 'string_above_max_length'],
  ]),
  ...all('model', ['model_not_found', 'unknown_model', 'model_not_supported', 'not_found_error']),
  ...all('refused', [
    ...['content_filter', 'content_policy_violation', 'cyber_policy', 'bio_policy', 'refusal'],
    ...['misalignment_policy_violation', 'invalid_prompt', 'responsible_ai_policy_violation'],
    ...['datainspectionfailed', 'data_inspection_failed', 'prohibited_content'],
  ]),
  ...all('unavailable', [
    ...['api_error', 'server_error', 'internal_server_error', 'timeout_error', 'unavailable'],
    ...['service_unavailable', 'connection_failed', 'response_stream_failed', 'bad_gateway'],
    ...['deadline_exceeded', 'response_stream_disconnected', 'provider_unavailable'],
    ...['policy_capacity_unavailable', 'responsestreamdisconnected', 'internalservererror'],
  ]),
};

function all(kind: FailureClass, codes: readonly string[]): Readonly<Record<string, FailureClass>> {
  return Object.fromEntries(codes.map((code) => [code, kind]));
}

/** Looked for before the status is: they say more than 429 and 400 do. */
const SPECIFIC: Words = [
  // What counts by the minute is soon over, whatever else is said of quotas.
  ['rate-limit', /per[-_ ]?(?:min(?:ute)?|second)\b|\b[rt]pm\b|please wait before trying|throttl/i],
  [
    'rate-limit',
    /\bnot your usage limit|temporarily (?:rate[- ]?)?limiting|please slow down|please wait a moment|reduce (?:your )?concurrency/i,
  ],
  // "5-hour limit", "weekly limit", "monthly spending cap", "premium request allowance"
  [
    'usage-limit',
    // linear: no part is repeated without an end
    /\b(?:usage|daily|weekly|monthly|annual|hourly|session|account|workspace|organi[sz]ation|subscription|plan|spend(?:ing)?|credits?|free|premium|message|billing|included|five[- ]hour|\d{1,3}[- ]?(?:hour|hr|h|day|d|week))[- ](?:[\w-]{1,20} ){0,2}(?:limits?|caps?|quotas?|allowance|budgets?)\b/i,
  ],
  // "hit your limit", "exceeded your current quota", "used all of your requests"
  [
    'usage-limit',
    // linear: no part is repeated without an end
    /\b(?:reached|hit|exceeded|exhausted|used(?: up)?|spent|over|depleted|maxed out|consumed) (?:your|the|this|its|all|my|our)(?: [\w'’-]{1,20}){0,4} (?:limits?|caps?|quotas?|allowance|credits?|requests|tokens|usage)\b/i,
  ],
  ['usage-limit', /\bexhausted your\b|\b(?:opus|sonnet|haiku|fable|pro|fast|spend) limit\b/i],
  ['usage-limit', /\blimit reached ?[|∙·–-]|\busage (?:has been )?(?:exceeded|exhausted)\b/i],
  [
    'usage-limit',
    /\bquotas? (?:has been |was |is |have been )?(?:reached|hit|exceeded|exhausted|used|spent|depleted|limit for)\b/i,
  ],
  // "out of credits", "insufficient balance", "no quota left", "add funds"
  [
    'usage-limit',
    /\b(?:out of|no(?: more| remaining)?|not enough|insufficient|purchase(?: more)?|buy(?: more)?|add|requires more|low on|top up)(?: extra| usage)? (?:quota|balance|credits?|funds|usage)\b/i,
  ],
  [
    'usage-limit',
    /insufficient_quota|per[- ]day\b|credit balance|extra usage|usage credits|daily quota/i,
  ],
  ['usage-limit', /payment (?:is )?required|\bbilling\b|in arrears|overdue payment|good standing/i],
  // linear: no part is repeated without an end
  [
    'usage-limit',
    /\bquota limit (?:reached|exceeded|hit)|\bfree tier (?:[\w-]{1,20} ){0,8}(?:exhausted|exceeded|used up)/i,
  ],
  ['usage-limit', /upgrade (?:to|your (?:plan|subscription|account))|resource package|prepaid/i],
  [
    'context',
    /\b(?:prompt|input|request|message|conversation|history) (?:is |was )?too (?:long|large)|too (?:long|large) (?:for|to compact)|ContextOverflow|reduce the length/i,
  ],
  [
    'context',
    /ran out of room in the model.s context|\bcontext[ _-]?(?:length|window|size|overflow|limit)|\bmax(?:imum)? (?:context|number of tokens|prompt|input|length|tokens)/i,
  ],
  [
    'context',
    /too many (?:input )?tokens|\bexceeds? (?:the |its )?(?:maximum|context|available context|limit of \d)|token limit exceeded|longer than the (?:model|context|maximum)/i,
  ],
  [
    'context',
    // linear: no part is repeated without an end
    /\b(?:payload|body|prompt|input|request) (?:size|length)(?: \w{1,20}){0,3} exceeds?|range of input length|\bstart a new (?:session|thread|chat|conversation)\b/i,
  ],
  ['context', /exceeded (?:model )?token limit|^4(?:00|13) (?:status code )?\(no body\)/i],
  [
    'refused',
    // linear: the gap is at most 60 characters
    /usage polic(?:y|ies)|content (?:polic(?:y|ies)|filter|management)|violat(?:e|es|ing|ion of) .{0,60}polic(?:y|ies)|flagged (?:for|as|by) /i,
  ],
  [
    'refused',
    /safety (?:filter|reason|system|setting)s?|\b(?:prompt|response|request|content|output) (?:was |is |has been )?blocked|inappropriate content|prohibited[_ ]content/i,
  ],
];

const GENERAL: Words = [
  ['auth', /\b40[13]\b|unauthori[sz]ed|\bforbidden\b|authentication|re-?authenticat/i],
  ['auth', /invalid (?:x-)?(?:api[ -]?key|token|credentials|bearer)|incorrect api key/i],
  [
    'auth',
    // linear: the gap is at most 40 characters
    /\b(?:api[_ ]?key|token|credentials?|session|log-?in|oauth)\b.{0,40}(?:expired|revoked|invalid|not valid|missing|rejected|not set|not found)/i,
  ],
  [
    'auth',
    /\b(?:expired|revoked|invalid|missing|no valid|no) (?:api[_ ]?key|token|credential|session|refresh token|access token)|could not be refreshed|failed to refresh/i,
  ],
  [
    'auth',
    /not (?:logged|signed) in|(?:logged|signed) out|\b(?:log|sign)[ -]?in (?:first|again|to|with|required)|please (?:run )?.?\/?(?:log|sign)[ -]?in|run \S{1,30} (?:auth )?login\b/i,
  ],
  [
    'auth',
    /\blogin is disabled|\bcode expired|\bno \w{1,20} auth credentials|\b(?:run|use) \/(?:auth|login)\b|no (?:api )?key (?:found|provided|set)|missing environment variable|no auth\b|not authenticated|invalid auth method|set an? auth/i,
  ],
  [
    'auth',
    // linear: the gap is at most 30 characters
    /\b(?:account|organi[sz]ation)\b.{0,30}(?:disabled|suspended|deactivated)|does not have access to|access (?:was |is )?denied/i,
  ],
  ['rate-limit', /\b(?:429|529)\b|too many requests|rate[ _-]?limit|overload|slow down/i],
  [
    'rate-limit',
    /resource(?: has been |_)?exhausted|at (?:full )?capacity|no capacity|capacity exceeded|high load/i,
  ],
  [
    'model',
    // linear: the gap is at most 80 characters
    /\bmodel\b.{0,80}(?:does not exist|not found|not supported|is unknown|not available|retired)/i,
  ],
  ['model', /\b404\b|issue with the selected model|not found on provider|no endpoints found/i],
  ['model', /\b(?:unknown|invalid|unsupported|no such) model/i],
  ['empty', /empty response|no response was returned/i],
  ['setup', /not inside a trusted directory|not trusted|untrusted|E2BIG|cannot be used with root/i],
  ['setup', /unknown (?:option|argument|flag)|unexpected argument|unrecognized/i],
  ['unavailable', /\b(?:500|502|503|504|520|522|524)\b|server error|internal error|bad gateway/i],
  [
    'unavailable',
    /connection (?:refused|error|reset|closed|dropped|lost|aborted)|could ?n.t connect|(?:could not|cannot|failed to|unable to) connect|socket (?:hang up|connection was closed)/i,
  ],
  [
    'unavailable',
    /ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|certificate|fetch failed|timed out|network|unexpected EOF/i,
  ],
  ['unavailable', /stream (?:disconnected|error|closed)|other side closed|closed unexpectedly/i],
  [
    'unavailable',
    /high demand|reconnecting|unavailable|failed to get response|error while processing|could not reach/i,
  ],
  ['unavailable', /^terminated$|error: terminated/im],
];

/** Anything that is full, in words of no program known. */
const FULL: Words = [
  // linear: the gap is at most 30 characters
  [
    'rate-limit',
    /\b(?:limit|quota|cap|allowance)s?\b.{0,30}\b(?:reached|hit|exceeded|exhausted)\b/i,
  ],
  // linear: the gap is at most 20 characters
  ['rate-limit', /\b(?:limits?|quotas?|allowance) .{0,20}\b(?:resets?|renews?|restored)\b/i],
];

/** Words are looked for in this much of what was said, from its beginning and from its end. */
const SEARCHED = 32_768;

export interface ErrorSigns {
  /** Everything that was said of the error. */
  readonly text: string;
  /** HTTP status, where it is told apart from the text. */
  readonly status: number | null;
  /** Codes of the error, where they are told apart from the text. */
  readonly codes: readonly string[];
}

/** The class that codes, words or a status stand for, or null. */
export function classify({ text, status, codes }: ErrorSigns): FailureClass | null {
  const said =
    text.length > 2 * SEARCHED ? `${text.slice(0, SEARCHED)}\n${text.slice(-SEARCHED)}` : text;
  const known = codes.flatMap((code) => ofCode(code) ?? []);
  const [first] = known;
  // A limit by its code may be that of a minute or of a month, and a bad request may be too long:
  // the words say which.
  if (first !== undefined && first !== 'rate-limit' && first !== 'unavailable') return first;
  return (
    find(SPECIFIC, said) ??
    first ??
    ofStatus(status ?? statusIn(said)) ??
    find(GENERAL, said) ??
    find(FULL, said)
  );
}

function ofCode(code: string): FailureClass | null {
  const name = code.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(CODES, name) ? (CODES[name] ?? null) : null;
}

/** `402: …`, `HTTP 503`, `API Error: 429 …`, `status code 500`. */
function statusIn(text: string): number | null {
  const match =
    /(?:^\s*|\bHTTP(?:\/\d(?:\.\d)?)? |\berror:? |\bstatus(?: code)?:? |\bcode:? |\()([45]\d\d)\b/i.exec(
      text,
    );
  return match === null ? null : Number(match[1]);
}

function find(words: Words, text: string): FailureClass | null {
  return words.find(([, sign]) => sign.test(text))?.[0] ?? null;
}

function ofStatus(status: number | null): FailureClass | null {
  if (status === null) return null;
  const known: Readonly<Record<number, FailureClass>> = {
    401: 'auth',
    402: 'usage-limit',
    403: 'auth',
    404: 'model',
    408: 'unavailable',
    413: 'context',
    429: 'rate-limit',
    451: 'refused',
    529: 'rate-limit',
  };
  return known[status] ?? (status >= 500 && status < 600 ? 'unavailable' : null);
}
