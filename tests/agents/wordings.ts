/**
 * What agent programs and the providers behind them print when they cannot continue, in their own
 * words and with figures of our own: program → what was printed, as [kind of failure, text, when
 * it ends]. Times are those of a Monday, 2026-11-30T12:00:00Z, in UTC.
 */
export type Wording = readonly [failure: string, text: string, ends?: string];

export const NOW = '2026-11-30T12:00:00Z';

/** Words of an error's text, by the program that passes them on. */
export const WORDINGS: Readonly<Record<string, readonly Wording[]>> = {
  claude: [
    [
      'usage-limit',
      "You've hit your weekly limit · resets Dec 3, 7am (Europe/Zurich)",
      '2026-12-03T06:00:00Z',
    ],
    [
      'usage-limit',
      "You've hit your session limit · resets 3pm (America/Los_Angeles)",
      '2026-11-30T23:00:00Z',
    ],
    ['usage-limit', '5-hour limit reached ∙ resets 4:30pm', '2026-11-30T16:30:00Z'],
    ['usage-limit', 'Claude AI usage limit reached|1796126400', '2026-12-01T12:00:00Z'],
    ['usage-limit', 'Opus weekly limit reached ∙ resets Dec 6, 9am', '2026-12-06T09:00:00Z'],
    ['usage-limit', 'Spending cap reached resets Dec 1, 12am', '2026-12-01T00:00:00Z'],
    ['usage-limit', 'Weekly limit reached ∙ contact an admin to keep working'],
    ['usage-limit', 'Credit balance is too low'],
    [
      'usage-limit',
      "You're out of extra usage · resets Jan 1, 2027, 1am (UTC)",
      '2027-01-01T01:00:00Z',
    ],
    ['auth', 'Invalid API key · Please run /login'],
    ['auth', 'OAuth token revoked · Please run /login'],
    ['auth', 'Login expired · Please run /login'],
    ['auth', 'Your account does not have access to Claude Code. Please run /login.'],
    ['rate-limit', 'Repeated 529 Overloaded errors'],
    ['rate-limit', 'Claude Opus is experiencing high load, please use /model to switch to Sonnet'],
    ['context', 'Prompt is too long'],
    [
      'context',
      'API Error: 400 {"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 213462 tokens > 200000 maximum"}}',
    ],
    [
      'refused',
      'API Error: Claude Code is unable to respond to this request, which appears to violate our Usage Policy (https://example.org/aup).',
    ],
    [
      'usage-limit',
      'API Error: 429 {"type":"error","error":{"type":"billing_error","message":"spend limit reached · resets Dec 8 · request an increase"}}',
      '2026-12-08T00:00:00Z',
    ],
    ['unavailable', 'API Error: Connection error.'],
  ],
  codex: [
    ['rate-limit', 'Limit reached, try again at 2026-12-01 09:00 (UTC)', '2026-12-01T09:00:00Z'],
    ['rate-limit', 'quota will be restored tomorrow', '2026-12-01T00:00:00Z'],
    ['usage-limit', 'Rate limit exceeded: free-models-per-day. Add 10 credits to unlock more'],
    [
      'usage-limit',
      "You've hit your usage limit. Upgrade to Pro, visit the settings to purchase more credits or try again at Dec 3rd, 2026 7:00 AM.",
      '2026-12-03T07:00:00Z',
    ],
    [
      'usage-limit',
      "You've hit your usage limit. To get more access now, send a request to your admin or try again at 9:30 PM.",
      '2026-11-30T21:30:00Z',
    ],
    [
      'usage-limit',
      "You've hit your usage limit. Try again in 3 days 6 hours 57 minutes.",
      '2026-12-03T18:57:00Z',
    ],
    [
      'usage-limit',
      "You're out of credits. Your workspace is out of credits. Add credits to continue using Codex.",
    ],
    ['usage-limit', 'Quota exceeded. Check your plan and billing details.'],
    [
      'rate-limit',
      'Rate limit reached for gpt-5 in organization org-1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 2000. Please try again in 1.898s.',
      '2026-11-30T12:00:01.898Z',
    ],
    ['rate-limit', 'Selected model is at capacity. Please try a different model.'],
    [
      'auth',
      'Your access token could not be refreshed because your refresh token was revoked. Please log out and sign in again.',
    ],
    ['auth', 'Your access token could not be refreshed. Please log out and sign in again.'],
    [
      'auth',
      'Your authentication session could not be refreshed automatically. Please log out and sign in again.',
    ],
    [
      'auth',
      'unexpected status 401 Unauthorized: Missing bearer or basic authentication in header',
    ],
    [
      'context',
      "Codex ran out of room in the model's context window. Start a new thread or clear earlier history before retrying.",
    ],
    ['refused', 'This request has been flagged for possible biological risk.'],
    ['unavailable', "We're currently experiencing high demand, which may cause temporary errors."],
    ['unavailable', 'stream disconnected before completion: error sending request for url'],
  ],
  gemini: [
    ['usage-limit', 'You have exhausted your daily quota on this model.'],
    [
      'usage-limit',
      'You have exhausted your capacity on this model. Your quota will reset after 23h14m5s.',
      '2026-12-01T11:14:05Z',
    ],
    [
      'usage-limit',
      'Usage limit reached for all Pro models. Access resets at 7:00 AM UTC.',
      '2026-12-01T07:00:00Z',
    ],
    [
      'rate-limit',
      "Quota exceeded for quota metric 'Generate Content API requests per minute' and limit 'GenerateContent request limit per minute for a region'. Please retry in 34.07s.",
      '2026-11-30T12:00:34.070Z',
    ],
    [
      'rate-limit',
      '{"error":{"code":429,"message":"Resource has been exhausted (e.g. check quota).","status":"RESOURCE_EXHAUSTED","details":[{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"19s"}]}}',
      '2026-11-30T12:00:19Z',
    ],
    ['rate-limit', 'No capacity available for model gemini-2.5-pro on the server'],
    [
      'auth',
      'Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.',
    ],
    [
      'auth',
      '{"error":{"code":400,"message":"API key not valid. Please pass a valid API key.","status":"INVALID_ARGUMENT","details":[{"reason":"API_KEY_INVALID"}]}}',
    ],
    [
      'context',
      'The input token count (1196265) exceeds the maximum number of tokens allowed (1048576).',
    ],
    ['refused', 'The model response was blocked due to PROHIBITED_CONTENT.'],
    ['unavailable', 'exception TypeError: fetch failed sending request; server error 503'],
    ['rate-limit', 'The model is overloaded. Please try again later.'],
  ],
  qwen: [
    ['usage-limit', '[API Error: 429 Free allocated quota exceeded.]'],
    ['usage-limit', 'Qwen OAuth quota exceeded: Your free daily quota has been reached.'],
    [
      'usage-limit',
      '[API Error: 403 {"code":"Arrearage","message":"Access denied, please make sure your account is in good standing."}]',
    ],
    ['rate-limit', '[API Error: 429 Requests rate limit exceeded, please try again later.]'],
    ['rate-limit', '[API Error: Throttling: Too many tokens, please wait before trying again.]'],
    ['auth', 'Failed to obtain valid Qwen access token. Please re-authenticate.'],
    ['auth', '[API Error: 401 Incorrect API key provided.]'],
    ['auth', 'Coding Plan API key not found. Please re-authenticate with Coding Plan.'],
    [
      'context',
      '[API Error: 400 Range of input length should be [1, 129024]: maximum context length is 131072 tokens]',
    ],
    [
      'refused',
      '[API Error: 400 {"code":"DataInspectionFailed","message":"Input data may contain inappropriate content."}]',
    ],
    ['unavailable', '[API Error: 503 Service Unavailable]'],
  ],
  opencode: [
    ['usage-limit', 'APIError: Free usage exceeded, add credits https://example.org'],
    [
      'usage-limit',
      'APIError: 5 hour usage limit reached. Resets in 3 hours and 20 minutes.',
      '2026-11-30T15:20:00Z',
    ],
    ['usage-limit', 'APIError: Insufficient balance. Manage your billing here.'],
    [
      'usage-limit',
      "APIError: You've used all of your weekly limit: Tuesday at 9:30 PM PT",
      '2026-12-02T05:30:00Z',
    ],
    ['rate-limit', 'APIError: Too Many Requests: retry-after: 17', '2026-11-30T12:00:17Z'],
    ['rate-limit', 'APIError: Provider is overloaded'],
    ['auth', 'ProviderAuthError: missing api key for provider anthropic'],
    ['auth', 'APIError: Unauthorized: invalid x-api-key'],
    [
      'context',
      'ContextOverflowError: Conversation history too large to compact - exceeds model context limit',
    ],
    ['context', 'APIError: Your input exceeds the context window of this model.'],
    ['model', 'ProviderModelNotFoundError: Model not found: x/y'],
    ['unavailable', 'APIError: terminated: other side closed'],
  ],
  pi: [
    [
      'usage-limit',
      'You have hit your ChatGPT usage limit (plus plan). Try again in ~143 min.',
      '2026-11-30T14:23:00Z',
    ],
    [
      'usage-limit',
      '429: {"error":{"message":"You exceeded your current quota, please check your plan and billing details.","type":"insufficient_quota"}}',
    ],
    [
      'usage-limit',
      '402: {"error":{"message":"This request requires more credits, or fewer max_tokens."}}',
    ],
    [
      'rate-limit',
      '429: {"type":"error","error":{"type":"rate_limit_error","message":"This request would exceed your organization\'s rate limit of 50,000 input tokens per minute."}}',
    ],
    [
      'rate-limit',
      '529: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}',
    ],
    ['rate-limit', 'Throttling error: Too many tokens, please wait before trying again.'],
    ['auth', "No API key found for anthropic. Run '/login anthropic' to re-authenticate."],
    ['auth', '401: {"error":{"message":"Your session has expired. Please sign in again."}}'],
    [
      'context',
      '400: {"error":{"message":"This model\'s maximum prompt length is 131072 but the request contains 537812 tokens."}}',
    ],
    ['context', 'the request exceeds the available context size, try increasing it'],
    ['context', 'prompt token count of 140000 exceeds the limit of 128000'],
    ['unavailable', 'fetch failed: getaddrinfo EAI_AGAIN api.example.org'],
  ],
  copilot: [
    [
      'usage-limit',
      'rate_limit: You have exceeded your premium request allowance. Upgrade your plan or wait until December 1 at 00:00 UTC.',
      '2026-12-01T00:00:00Z',
    ],
    [
      'usage-limit',
      "Sorry, you've reached your weekly rate limit. It resets on December 3, 2026 at 7:00 AM UTC.",
      '2026-12-03T07:00:00Z',
    ],
    ['usage-limit', 'quota: You have no quota left for this month (HTTP 402 Payment Required)'],
    [
      'rate-limit',
      "Sorry, you've been rate-limited. Please wait 2 minutes before trying again.",
      '2026-11-30T12:02:00Z',
    ],
    [
      'rate-limit',
      'rate_limit: 429 too many requests, try again in about an hour',
      '2026-11-30T13:00:00Z',
    ],
    ['auth', 'No authentication information found. Run copilot login.'],
    ['auth', 'authentication: Authentication failed: token expired or invalid (HTTP 401)'],
    ['auth', 'query: access denied by policy: 403 Forbidden'],
    ['context', 'query: prompt token count of 210000 exceeds the limit of 200000'],
    ['refused', 'query: The response was filtered by the responsible AI content filter.'],
    [
      'unavailable',
      'query: Failed to get response from the AI model; retried 5 times. 502 Bad Gateway',
    ],
  ],
  droid: [
    [
      'usage-limit',
      "You've used all your included tokens. Resets Dec 15, 2026 12:00 AM UTC",
      '2026-12-15T00:00:00Z',
    ],
    ['usage-limit', 'Payment required: add a payment method'],
    [
      'usage-limit',
      'You have reached your monthly limit of Standard Tokens; try again next month.',
      '2026-12-01T00:00:00Z',
    ],
    [
      'usage-limit',
      'Daily message limit reached, available again tomorrow at 8am UTC',
      '2026-12-01T08:00:00Z',
    ],
    ['rate-limit', 'Rate limited. Try again at 14:00 UTC', '2026-11-30T14:00:00Z'],
    ['rate-limit', 'overloaded_error: the provider is busy'],
    [
      'auth',
      'Authentication failed. Please log in using /login or set a valid FACTORY_API_KEY environment variable.',
    ],
    ['auth', 'Your session has expired, please sign in again'],
    ['context', 'context_length_exceeded'],
    ['model', 'Invalid model: custom:x-9'],
    ['unavailable', 'Request timed out'],
  ],
};
