/**
 * The words, codes and HTTP statuses by which programs and providers report what went wrong, one
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
    ...['refresh_token_failed', 'access_program_not_enabled', 'auth_recovery_missing_auth'],
    ...['auth_recovery_unavailable', 'auth_recovery_unrecoverable', 'gateway_login_required'],
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
    'inference_hook_denied',
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
  [
    'rate-limit',
    /per[-_ ]?(?:min(?:ute)?|second)(?![a-z])|\b[rt]pm\b|please wait before trying|throttl/i,
  ],
  [
    'rate-limit',
    /\bnot your usage limit|temporarily (?:rate[- ]?)?limiting|please slow down|please wait a moment|reduce (?:your )?concurrency/i,
  ],
  // A limit of one conversation is none of use: "Context limit reached", "300000 tokens > 200000"
  [
    'context',
    /\bcontext limit|\bsession token limit|\b\d{4,12} tokens? ?(?:>|exceeds?|is more than) ?(?:the )?(?:limit )?\d{4,12}\b/i,
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
  [
    'usage-limit',
    /\blimit reached ?[|∙·–-]|\busage (?:has been |is )?(?:exceeded|exhausted|not included)\b/i,
  ],
  [
    'usage-limit',
    /\bquotas? (?:has been |was |is |have been )?(?:reached|hit|exceeded|exhausted|used|spent|depleted|limit for)\b/i,
  ],
  // "out of credits", "insufficient balance", "no quota left", "add funds"
  [
    'usage-limit',
    /\b(?:out of|no(?: more| remaining)?|not enough|insufficient|purchase(?: more)?|buy(?: more)?|add|requires more|low on|top up)(?: extra| usage)? (?:quota|balance|credits?|funds|usage)\b/i,
  ],
  // "no AI credits remaining", "insufficient G1 credits", "rate limit for your plan"
  // linear: no part is repeated without an end
  [
    'usage-limit',
    /\b(?:insufficient|no|0)(?: [\w-]{1,20}){1,2} (?:credits?|quota|balance)\b|\b(?:limits?|quotas?) (?:for|of|on) (?:your|this|the) (?:plan|tier|subscription|month|week|day)\b/i,
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
    /\b(?:prompt|input|request|message|conversation|history|body|payload|image) (?:is |was )?too (?:long|large)|too (?:long|large) (?:for|to compact)|ContextOverflow|reduce the length/i,
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
  [
    'context',
    /exceeded (?:model )?token limit|^4(?:00|13) (?:status code )?\(no body\)|\b(?:entity|content|pdf|file|image|attachment) too (?:large|long|big)/i,
  ],
  // "input tokens exceed the configured limit", "total length of 23094823 bytes exceeds the 20 MB"
  // linear: the gap is at most 40 characters
  [
    'context',
    /\b(?:input|prompt|tokens|bytes)\b.{0,40}\bexceeds? the (?:configured |allowed )?(?:limit|\d{1,4} ?[mk]b)\b/i,
  ],
  [
    'refused',
    // linear: the gap is at most 60 characters
    /usage polic(?:y|ies)|content (?:polic(?:y|ies)|filter|management)|violat(?:e|es|ing|ion of) .{0,60}(?:polic(?:y|ies)|terms|guidelines)|flagged (?:for|as|by) /i,
  ],
  [
    'refused',
    /safety (?:filter|reason|system|setting|classifier)s?|\b(?:prompt|response|request|content|output|candidate|generation|answer|image) (?:was |is |has been )?(?:blocked|filtered)|inappropriate content|prohibited content|inference hook denied|responsible ai\b|\brefusal\b|suspicious activity/i,
  ],
];

const GENERAL: Words = [
  [
    'auth',
    /(?<!\.\w{1,5}:|\bline )\b40[13]\b|unauthori[sz]ed|\bforbidden\b|authentication|re-?authenticat/i,
  ],
  ['auth', /invalid (?:x-)?(?:api[ -]?key|token|credentials|bearer)|incorrect api key/i],
  [
    'auth',
    // linear: the gap is at most 40 characters
    /\b(?:api key|(?<!unexpected )token|credentials?|session|log-?in|oauth|subscription|licen[cs]e)\b.{0,40}(?:expired|revoked|invalid|not valid|missing|rejected|disabled|leaked|not set|not found)/i,
  ],
  [
    'auth',
    // linear: the gap is at most 40 characters
    /\b(?:specify|requires setting|set|load|provide)\b.{0,40}(?:api key|credentials|env(?:ironment)? var)|api key helper|bad credentials|error authenticating|invalid grant/i,
  ],
  [
    'auth',
    /\b(?:expired|revoked|invalid|missing|no valid|no) (?:api[_ ]?key|token|credential|session|refresh token|access token)|could not be refreshed|failed to refresh/i,
  ],
  [
    'auth',
    /(?:log|sign)-in (?:was |authorization )?(?:failed|cancell?ed)|obtain an? (?:valid )?access token|access program not enabled|not (?:logged|signed) in|(?:logged|signed) out|\b(?:log|sign)[ -]?in (?:first|again|to|with|required)|(?:failed|unable|need|have) to (?:log|sign)[ -]?in|please (?:run )?.?\/?(?:log|sign)[ -]?in|run \S{1,30} (?:auth )?login\b/i,
  ],
  [
    'auth',
    /\blogin is disabled|\bcode expired|\bno \w{1,20} auth credentials|\b(?:run|use) \/(?:auth|login)\b|no (?:api )?key (?:found|provided|set)|missing environment variable|no auth\b|not authenticated|invalid auth method|set an? auth|failed to authenticate/i,
  ],
  [
    'auth',
    // linear: the gap is at most 30 characters
    /\b(?:account|organi[sz]ation)\b.{0,30}(?:disabled|suspended|deactivated|blocked|must be verified|not eligible)|\b(?:location|country|region|territory)\b.{0,30}not supported|does not have access to|access (?:was |is )?denied/i,
  ],
  [
    'rate-limit',
    /(?<!\.\w{1,5}:|\bline )\b(?:429|529)\b|too many (?:concurrent |parallel )?(?:requests|connections|calls)|rate[ -]?limit|overload|slow down|\b(?:server|service|provider) is (?:too |currently )?busy/i,
  ],
  [
    'rate-limit',
    /resource(?: has been |_)?exhausted|at (?:full )?capacity|no capacity|capacity exceeded|high load/i,
  ],
  [
    'model',
    // linear: the gap is at most 80 characters
    /\bmodels?\b.{0,80}(?:not exist|n't exist|not found|not supported|is unknown|not available|retired|deprecated|discontinued)/i,
  ],
  [
    'model',
    /\bhas been (?:retired|deprecated|discontinued)\b|\bchoose (?:another|a different) model/i,
  ],
  [
    'model',
    /(?<!\.\w{1,5}:|\bline )\b404\b|issue with the selected model|not found on provider|no endpoints found/i,
  ],
  ['model', /\b(?:unknown|invalid|unsupported|no such) model/i],
  ['empty', /empty response|no response was returned/i],
  ['setup', /not inside a trusted directory|not trusted|untrusted|E2BIG|cannot be used with root/i],
  ['setup', /unknown (?:option|argument|flag)|unexpected argument|unrecognized/i],
  [
    'unavailable',
    /(?<!\.\w{1,5}:|\bline )\b(?:500|502|503|504|520|522|524)\b|server error|internal error|bad gateway/i,
  ],
  [
    'unavailable',
    /connection (?:refused|error|reset|closed|dropped|lost|aborted)|could ?n.t connect|(?:could not|cannot|failed to|unable to) connect|socket (?:hang up|connection was closed)/i,
  ],
  [
    'unavailable',
    /ECONN|EPIPE|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|certificate|fetch failed|timed out|time-?out|network|unexpected EOF/i,
  ],
  [
    'unavailable',
    /stream (?:disconnected|error|closed|premature close)|other side closed|closed unexpectedly|premature close|socket closed|goaway\b/i,
  ],
  [
    'unavailable',
    /name resolution|\bdns error|failed to look ?up|(?:tls|ssl) handshake|\btransient\b|error (?:occurred )?while processing|trouble connecting/i,
  ],
  ['unavailable', /high demand|reconnecting|unavailable|failed to get response|could not reach/i],
  ['unavailable', /^terminated$|error: terminated/im],
];

/** The same in Chinese, as providers there answer. */
const CHINESE: Words = [
  ['usage-limit', /上限|限额|配额|额度|余额|欠费/],
  ['rate-limit', /频率|频繁|限流|并发|繁忙|过载/],
  ['context', /(?:长度|上下文|输入).{0,20}(?:超|过长|限制)/],
  ['refused', /敏感|违规|不安全/],
  ['auth', /未登录|重新登录|鉴权|认证|密钥|令牌|无权/],
  ['model', /模型.{0,20}不(?:存在|支持)/],
  ['unavailable', /超时|网络|连接|内部错误|不可用/],
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
  /** HTTP status, where it is separate from the text. */
  readonly status: number | null;
  /** Codes of the error, where they are separate from the text. */
  readonly codes: readonly string[];
}

/** The class that codes, words or a status stand for, or null. */
export function classify({ text, status, codes }: ErrorSigns): FailureClass | null {
  const ends =
    text.length > 2 * SEARCHED ? `${text.slice(0, SEARCHED)}\n${text.slice(-SEARCHED)}` : text;
  const said = [ends, ...[ends, ...codes].map(inWords)].join('\n');
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
    find(CHINESE, said) ??
    find(FULL, said)
  );
}

/** A name of a program's own as words: `ModelNotFoundError`, `INSUFFICIENT_CREDITS`. */
function inWords(text: string): string {
  return text.replace(/([a-z])(?=[A-Z])/g, '$1 ').replaceAll('_', ' ');
}

function ofCode(code: string): FailureClass | null {
  const name = code.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(CODES, name) ? (CODES[name] ?? null) : null;
}

/** `402: …`, `HTTP 503`, `API Error: 429 …`, `status code 500`. */
function statusIn(text: string): number | null {
  const match =
    /(?:^\s*|\bHTTP(?:\/\d(?:\.\d)?)? |error:? |\bstatus(?: code)?:? |\bcode:? |\()([45]\d\d)\b/i.exec(
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
    499: 'unavailable',
    529: 'rate-limit',
  };
  return known[status] ?? (status >= 500 && status < 600 ? 'unavailable' : null);
}
