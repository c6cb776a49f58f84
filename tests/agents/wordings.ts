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
    ['auth', 'Not logged in · Please run /login'],
    ['auth', 'Invalid API key · Fix external API key'],
    [
      'auth',
      'Your organization has disabled API key authentication · Unset ANTHROPIC_API_KEY and run /login to sign in with your claude.ai account',
    ],
    ['auth', 'Session expired. Please run /login to sign in again.'],
    [
      'auth',
      'API Error: 401 {"type":"error","error":{"type":"authentication_error","message":"OAuth token has expired. Please obtain a new token or refresh your existing token."}}',
    ],
    ['auth', 'OAuth refresh token is no longer valid; run /login to re-authenticate'],
    [
      'auth',
      'API Error: 403 {"error":{"type":"permission_error","message":"OAuth authentication is currently not allowed for this organization."}}',
    ],
    ['auth', 'This organization has been disabled.'],
    ['rate-limit', 'Server is temporarily limiting requests (not your usage limit)'],
    [
      'rate-limit',
      'Fast mode overloaded and is temporarily unavailable · resets in 12m',
      '2026-11-30T12:12:00Z',
    ],
    ['unavailable', 'We are experiencing high demand for Opus 4.'],
    [
      'usage-limit',
      'Fast limit reached and temporarily disabled · resets in 2h',
      '2026-11-30T14:00:00Z',
    ],
    [
      'usage-limit',
      "You've reached your monthly spend limit. Raise it or wait until it resets on Jan 1 at 12am (UTC)",
      '2027-01-01T00:00:00Z',
    ],
    ['usage-limit', 'Your workspace has hit its usage credit limit · ask an admin'],
    ['context', 'Compaction failed · conversation could not be reduced below the context limit'],
    [
      'context',
      'An image in the conversation exceeds the dimension limit for many-image requests (2000px). Start a new session with fewer images.',
    ],
    [
      'context',
      'API Error: 413 {"error":{"type":"request_too_large","message":"Request exceeds the maximum size"}}',
    ],
    ['refused', 'API Error: Output blocked by content filtering policy'],
    [
      'model',
      "There's an issue with the selected model (claude-x-9). It may not exist or you may not have access to it. Run --model to pick a different model.",
    ],
    [
      'unavailable',
      'API Error: 500 {"type":"error","error":{"type":"api_error","message":"Internal server error"}}',
    ],
    ['unavailable', 'API Error: Request timed out.'],
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
    [
      'usage-limit',
      'You hit your spend cap set in your workspace. Increase your spend cap to continue.',
    ],
    [
      'usage-limit',
      'Your workspace is out of credits. Ask your workspace owner to refill in order to continue.',
    ],
    ['usage-limit', 'To use Codex with your ChatGPT plan, upgrade to Plus: https://example.org'],
    [
      'usage-limit',
      "You've hit your usage limit for gpt-5-codex. Switch to another model now, or try again in 5 days 2 hours.",
      '2026-12-05T14:00:00Z',
    ],
    ['usage-limit', 'exceeded retry limit, last status: 429 Too Many Requests: insufficient_quota'],
    ['rate-limit', 'exceeded retry limit, last status: 429 Too Many Requests, request id: 9f-1'],
    ['unavailable', 'Policy-restricted capacity is unavailable right now. Please try again later.'],
    [
      'auth',
      'Your access token could not be refreshed because your refresh token has expired. Please log out and sign in again.',
    ],
    [
      'auth',
      'Your access token could not be refreshed because you have since logged out or signed in to another account. Please sign in again.',
    ],
    ['auth', 'ChatGPT login is disabled. Use API key login instead.'],
    ['auth', 'API key login is disabled. Use ChatGPT login instead.'],
    ['auth', 'Missing environment variable: `OPENAI_API_KEY`. Create an API key and export it.'],
    [
      'auth',
      'unexpected status 403 Forbidden: Access blocked by Cloudflare. This usually happens when connecting from a restricted region',
    ],
    ['model', "The 'gpt-5-codex' model is not supported when using Codex with a ChatGPT account."],
    [
      'model',
      'unexpected status 404 Not Found: The model `gpt-9` does not exist or you do not have access to it.',
    ],
    [
      'context',
      'Your input exceeds the context window of this model. Please adjust your input and try again.',
    ],
    ['context', 'Input exceeds the maximum length of 1048576 characters.'],
    [
      'refused',
      'Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with a different prompt.',
    ],
    ['unavailable', 'unexpected status 502 Bad Gateway: upstream connect error'],
    ['unavailable', 'stream disconnected before completion: idle timeout waiting for SSE'],
    [
      'unavailable',
      'error sending request for url (https://api.example.org/v1/responses): operation timed out',
    ],
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
    [
      'usage-limit',
      'You exceeded your current quota, please check your plan and billing details. Quota exceeded for metric: generate_content_free_tier_requests, limit: 250',
    ],
    [
      'usage-limit',
      "Quota exceeded for quota metric 'Gemini 2.5 Pro Requests' and limit 'Gemini 2.5 Pro Requests per day per user per tier' of service 'cloudcode-pa.googleapis.com'",
    ],
    [
      'usage-limit',
      'Your prepayment credits are depleted. Please go to AI Studio to manage your project and billing.',
    ],
    ['usage-limit', 'Free tier quota is used up; enable billing to continue'],
    [
      'rate-limit',
      '{"error":{"code":429,"message":"Too Many Requests","status":"RATE_LIMIT_EXCEEDED"}}',
    ],
    [
      'usage-limit',
      'You have exhausted your capacity on this model. Your quota will reset after 8s.',
      '2026-11-30T12:00:08Z',
    ],
    [
      'auth',
      'Authentication timed out after 5 minutes. The browser tab may have gotten stuck in a loading state. Please try again or use NO_BROWSER=true for manual authentication.',
    ],
    [
      'auth',
      'Please set an Auth method in your settings.json or specify one of the following environment variables before running: GEMINI_API_KEY, GOOGLE_GENAI_USE_VERTEXAI',
    ],
    [
      'auth',
      '{"error":{"code":403,"message":"Permission denied on resource project x.","status":"PERMISSION_DENIED"}}',
    ],
    [
      'auth',
      'Failed to login. Ensure your Google account is not a Workspace account. invalid_grant: Token has been expired or revoked.',
    ],
    ['auth', 'API key expired. Please renew the API key.'],
    [
      'model',
      '{"error":{"code":404,"message":"models/gemini-9 is not found for API version v1beta, or is not supported for generateContent."}}',
    ],
    [
      'context',
      '{"error":{"code":400,"message":"The input token count exceeds the maximum number of tokens allowed 1048576.","status":"INVALID_ARGUMENT"}}',
    ],
    ['context', 'Request payload size exceeds the limit: 20971520 bytes.'],
    ['refused', 'The response was blocked: SAFETY'],
    [
      'unavailable',
      '{"error":{"code":503,"message":"The service is currently unavailable.","status":"UNAVAILABLE"}}',
    ],
    [
      'unavailable',
      '{"error":{"code":500,"message":"An internal error has occurred. Please retry","status":"INTERNAL"}}',
    ],
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
    [
      'auth',
      'Qwen OAuth credentials expired. Please use /auth to re-authenticate with qwen-oauth.',
    ],
    ['auth', 'Device code expired or invalid, please restart the authorization process.'],
    ['auth', 'Qwen OAuth free tier was discontinued on 2026-04-15. Run /auth to switch provider.'],
    ['auth', 'OAuth token expired (over 900 seconds). Please select authentication method again.'],
    ['auth', '[API Error: 401 invalid access token or token expired]'],
    ['usage-limit', 'Pro quota limit reached for qwen3-coder-plus.'],
    [
      'usage-limit',
      '[API Error: 403 The free tier of the model has been exhausted. If you wish to continue access the model on a paid basis, please disable the "use free tier only" mode.]',
    ],
    [
      'usage-limit',
      '[API Error: 400 Access denied, please make sure your account is in good standing. Overdue payment.]',
    ],
    ['usage-limit', '[API Error: 402 Insufficient Balance]'],
    [
      'usage-limit',
      '[API Error: 429 hour allocated quota exceeded, your 5-hour quota resets at 2026-11-30 15:00:00 UTC]',
      '2026-11-30T15:00:00Z',
    ],
    [
      'rate-limit',
      '[API Error: 429 You exceeded your current request rate limit, please slow down]',
    ],
    ['context', 'Context length exceeded; attempting reactive compression failed.'],
    [
      'context',
      '[API Error: 400 InternalError.Algo.InvalidParameter: Range of input length should be [1, 98304]]',
    ],
    [
      'model',
      '[API Error: 404 The model `qwen-x` does not exist or you do not have access to it.]',
    ],
    ['refused', '[API Error: 400 Output data may contain inappropriate content.]'],
    ['unavailable', '[API Error: Connection error. (cause: fetch failed)]'],
    [
      'unavailable',
      '[API Error: 500 InternalError: An internal error has occured, please try again later]',
    ],
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
    ['usage-limit', 'APIError: Monthly usage limit reached. Manage your limits here.'],
    [
      'usage-limit',
      'APIError: Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.',
    ],
    [
      'usage-limit',
      'APIError: This request requires more credits, or fewer max_tokens. You requested up to 32000 tokens, but can only afford 120.',
    ],
    [
      'usage-limit',
      'APIError: Key limit exceeded (daily limit). Manage it at https://example.org/keys',
    ],
    [
      'rate-limit',
      'APIError: Rate limit reached for model `llama` on requests per minute (RPM): Limit 30, Used 30. Please try again in 2m59s.',
      '2026-11-30T12:02:59Z',
    ],
    [
      'rate-limit',
      'APIError: Provider returned error: temporarily rate-limited upstream. Please retry shortly',
    ],
    ['rate-limit', 'APIError: Service tier capacity exceeded for this model.'],
    ['auth', 'APIError: No cookie auth credentials found'],
    ['auth', 'APIError: The security token included in the request is expired'],
    ['auth', 'APIError: User not found. (401)'],
    ['auth', 'Failed to refresh token in loader'],
    ['model', 'APIError: No endpoints found for x/y-9.'],
    ['model', 'APIError: The model: x/y is not available in your region or has been retired'],
    ['context', 'APIError: Input exceeds context window of this model'],
    [
      'context',
      "APIError: This endpoint's maximum context length is 131072 tokens. However, you requested about 140001 tokens.",
    ],
    [
      'refused',
      'APIError: Could not parse response content as the request was rejected by the content filter',
    ],
    ['refused', 'APIError: Your request was flagged by moderation for violence.'],
    ['unavailable', 'APIError: Upstream error from Chutes: Instance not available'],
    [
      'unavailable',
      'APIError: The server had an error while processing your request. Sorry about that!',
    ],
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
    ['usage-limit', 'Monthly usage limit reached'],
    [
      'usage-limit',
      '402: {"error":{"message":"Insufficient Balance","type":"unknown_error","code":"invalid_request_error"}}',
    ],
    [
      'usage-limit',
      '429: {"error":{"message":"Your account x is suspended due to insufficient balance, please recharge your account","type":"exceeded_current_quota_error"}}',
    ],
    ['rate-limit', 'Hugging Face rate limit reached'],
    ['rate-limit', '429: {"message":"Requests rate limit exceeded","code":"1300"}'],
    [
      'rate-limit',
      '429: {"error":{"code":"1302","message":"High concurrency usage of this API, please reduce concurrency"}}',
    ],
    [
      'rate-limit',
      '{"__type":"ThrottlingException","message":"Too many requests, please wait before trying again."}',
    ],
    [
      'auth',
      '401: {"error":{"message":"Incorrect API key provided: sk-…. You can find your API key at https://example.org"}}',
    ],
    ['auth', 'No refresh token is set.'],
    ['auth', '403: {"message":"You don\'t have access to the model with the specified model ID."}'],
    ['auth', 'UnrecognizedClientException: The security token included in the request is invalid.'],
    ['context', 'Assistant request exceeded the context window'],
    [
      'context',
      '400: {"error":{"message":"The engine prompt length 70000 exceeds the max_model_len 32768. Please reduce prompt."}}',
    ],
    [
      'context',
      '400: {"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 32000 > 200000"}}',
    ],
    ['model', '404: {"error":{"message":"model \\"llama9\\" not found, try pulling it first"}}'],
    [
      'refused',
      'Could not parse response content as the request was rejected by the content filter',
    ],
    [
      'unavailable',
      '503: {"error":{"message":"The engine is currently overloaded, please try again later"}}',
    ],
    ['unavailable', 'connect ECONNREFUSED 127.0.0.1:11434'],
    ['unavailable', '524: error code: 524'],
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
    [
      'usage-limit',
      'quota: You have used all of your premium requests for this month. Your allowance resets on December 1.',
      '2026-12-01T00:00:00Z',
    ],
    [
      'usage-limit',
      "query: additional_spend_limit_reached: You've reached your additional spend limit. Increase it in billing settings.",
    ],
    ['usage-limit', 'query: You have exceeded your free request allowance. (HTTP 402)'],
    [
      'rate-limit',
      "query: user_model_rate_limited: Sorry, you have exhausted this model's rate limit. Please wait a moment before trying again, or switch to a different model.",
    ],
    ['rate-limit', 'query: integration_rate_limited (HTTP 429)'],
    ['auth', 'authorization: You are not authorized to use this Copilot feature (HTTP 403)'],
    ['auth', 'authentication: No valid GitHub CLI OAuth token detected'],
    [
      'auth',
      'query: Access to this endpoint is forbidden. Please review your Terms of Service (HTTP 403)',
    ],
    ['auth', 'authentication: Copilot is not enabled for this account; sign in with another one'],
    ['model', 'query: The requested model is not supported.'],
    ['model', 'query: model_not_available_for_integrator: Model x is not available'],
    [
      'context',
      'query: model_max_prompt_tokens_exceeded: prompt token count of 150000 exceeds the limit of 128000',
    ],
    ['context', 'query: Request body is too large for model (HTTP 413)'],
    ['refused', 'query: The response was blocked by the content management policy'],
    ['unavailable', 'query: Sorry, there was a network error (net::ERR_CONNECTION_RESET)'],
    ['unavailable', 'query: 503 upstream unavailable'],
    ['unavailable', 'query: getaddrinfo ENOTFOUND api.example.org'],
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
    ['usage-limit', 'Mission paused: usage limit reached.'],
    [
      'usage-limit',
      'Your organization has reached its monthly limit. Contact your admin, or set an overage preference in billing settings.',
    ],
    ['usage-limit', 'You have run out of Standard Tokens. Enable Extra Usage to continue.'],
    ['usage-limit', 'BYOK usage limit exceeded for this period'],
    [
      'auth',
      'Authentication failed. Your login session may have expired. Please log in again using /login.',
    ],
    ['auth', 'Authentication or authorization failed. Please log in and try again.'],
    ['auth', 'Identity mismatch. Please sign in again.'],
    ['auth', 'Invalid FACTORY_API_KEY: 401'],
    ['rate-limit', 'GatewayRateLimitError: Too many requests, slow down'],
    ['rate-limit', 'LLMOverloadedError: the model is overloaded'],
    ['rate-limit', '429 Rate limit exceeded. Retry after 45 seconds', '2026-11-30T12:00:45Z'],
    ['context', 'Context limit exceeded. Please remove some context and try again.'],
    ['context', '413 Content Too Large'],
    ['model', 'Model is not available'],
    ['model', 'Model claude-x is not available for your organization'],
    ['refused', 'Image blocked by provider content policy'],
    ['refused', 'The request was rejected by the content filter of the provider'],
    ['unavailable', 'Could not reach the daemon. It may still be starting; try again in a moment.'],
    ['unavailable', 'Connection error.'],
  ],
};
