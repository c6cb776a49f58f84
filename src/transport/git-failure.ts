/**
 * The only place that interprets git's error texts. They only explain a failure to people; flags
 * decide whether a push landed (judge-push.ts).
 */
import { STATUS_CODES } from 'node:http';
import { oneLine } from '../base/plain-text.ts';
import type { RemoteFailure } from './repository.ts';
import type { GitResult } from './git-runner.ts';
import { bounded, redact, WORDS_CHARS_MAX, serverWords, withoutEscapes } from './server-words.ts';

type Reason = RemoteFailure['reason'];

/** First match wins, so the particular stands before the general. */
const REASONS: readonly (readonly [RegExp, Reason])[] = [
  [
    /too many (\w{1,10} )?(requests|connections)|requested too many times|frequency limit|rate.?limit|abuse detection|throttl|maxstartups|exceeding usage of resource/i,
    'limited',
  ],
  [
    /could not resolve (host|proxy)|could not resolve hostname|name or service not known|temporary failure in name resolution|nodename nor servname/i,
    'dns',
  ],
  [
    /host key verification failed|remote host identification has changed|no matching host key/i,
    'host-key',
  ],
  [
    /ssl:? (peer )?certificate|certificate (has expired|problem|verif|file)|ssl: no alternative|alert (unknown ca|(bad )?certificate)|CERT_TRUST|UNTRUSTED_ROOT/i,
    'certificate',
  ],
  [
    /no DAV locking|git-http-push failed|not valid: |bad line length character|url base from redirection|redirects followed|expected flush after ref listing/i,
    'not-git',
  ],
  [/dubious ownership/i, 'forbidden'],
  [
    /no space left on device|quota|disk full|\bsize limit|over the limit of|allocated storage|size is greater than/i,
    'disk-full',
  ],
  [
    /temporarily (read[- ]?only|unavailable|disabled)|maintenance|internal (\w{1,10} ){0,2}error|api unreachable|not available at this time|is (going )?down\b/i,
    'unavailable',
  ],
  [
    /too many authentication failures|\b407 proxy auth|\botp\b|password expired|unknown key|ssh certificate|account has been deactivated|permission denied \(|authentication failed|could not read (username|password)|invalid credentials|access denied/i,
    'auth',
  ],
  [
    /permission to \S+ denied|forbidden|read[- ]?only|denied by|\bnot have (\w{1,20} )?access|permission to perform|access blocked|service not enabled|unable to create temporary object|is disabled|suspended|has been blocked|must accept|\bsaml\b|refusing to allow|private email|not (allowed|permitted|authorized)|unauthorized|permission denied/i,
    'forbidden',
  ],
  [
    /not found\b|cannot find repository|does not appear to be a git repository|does not exist|no such (file|repository)|project you were looking for/i,
    'missing',
  ],
  [/timed out|timeout|operation too slow|low speed/i, 'timeout'],
  [
    /connection refused|failed to connect|couldn't connect|network is unreachable|no route to host|connection reset|connection closed|empty reply|not closed cleanly|non-properly terminated|broken pipe|framing layer|early EOF|transfer closed|handshake|SSL_ERROR|wrong version number|proxy connect aborted|connection to proxy closed/i,
    'refused',
  ],
  [
    /does not support|not supported|unsupported|no matching (key exchange|cipher|mac)|protocol \S+ not allowed|mismatched algorithms|unknown object format/i,
    'unsupported',
  ],
  [
    /bad object|corrupt|missing (blob|tree|commit|necessary objects)|unable to read|inflate|index-pack failed|invalid index-pack/i,
    'corrupt',
  ],
];

/** What a status of http says, whatever stands beside it. */
function reasonOfStatus(status: number): Reason {
  if (status === 401 || status === 407) return 'auth';
  if (status === 404 || status === 410) return 'missing';
  if (status === 429) return 'limited';
  if (status === 408 || status === 504) return 'timeout';
  return status >= 500 ? 'unavailable' : 'forbidden';
}

/** What a person has to change; everything else may pass on its own. */
const NEEDS_PERSON: ReadonlySet<Reason> = new Set<Reason>([
  ...([
    'auth',
    'forbidden',
    'host-key',
    'certificate',
    'missing',
    'not-git',
    'unsupported',
  ] as const),
]);

/** What else may answer in a git server's place; over ssh, a shell that prints when it starts. */
export const NOT_GIT =
  'the answer does not come from a git server (a login page, a proxy, maintenance, a plain web server, a shell that prints at login?)';

/** Whether the same call may succeed later, without anybody fixing anything. */
export function mayPass({ reason }: RemoteFailure): boolean {
  return !NEEDS_PERSON.has(reason);
}

/** Whether the other side was there and said no, as opposed to not having been reached. */
export function isRefusal(failure: RemoteFailure): boolean {
  return !mayPass(failure) || failure.reason === 'limited';
}

/** Whether it must be left alone: the same call at once costs minutes, or is one too many. */
export function takesTime({ reason }: RemoteFailure): boolean {
  return reason === 'limited' || reason === 'silent';
}

/** Why a call to the remote did not succeed. */
export function judgeFailure(result: GitResult): RemoteFailure {
  if (result.ended === 'timeout')
    return { reason: 'silent', line: 'the remote did not answer in time; git was stopped' };
  if (result.ended === 'not-started')
    return { reason: 'unsupported', line: 'git could not be started' };
  if (result.ended === 'overflow') return { reason: 'corrupt', line: 'the remote sent too much' };
  const text = redact(result.stderr);
  const words = serverWords(text);
  const status =
    /returned error: (\d{3})\b|\bHTTP (\d{3}) curl|CONNECT tunnel failed, response (\d{3})\b|HTTP code (\d{3}) from proxy/.exec(
      text,
    );
  const code = Number(status?.slice(1).join('') ?? Number.NaN);
  const byWords = matchReason(words);
  // Forges say with several statuses that there is no room, or that they are away for a while.
  const isTold = byWords === 'limited' || byWords === 'disk-full' || byWords === 'unavailable';
  const byStatus = Number.isNaN(code) || isTold ? null : reasonOfStatus(code);
  const reason = byStatus ?? byWords ?? matchReason(text) ?? 'unknown';
  return { reason, line: describeFailure({ text, words, code, reason }) };
}

function matchReason(text: string): Reason | null {
  return REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

interface Failure {
  readonly text: string;
  readonly words: string;
  /** Status of http, or NaN. */
  readonly code: number;
  readonly reason: Reason;
}

function describeFailure({ text, words, code, reason }: Failure): string {
  if (/remote host identification has changed/i.test(text)) return describeHostKey(text);
  // Git says no more than the number, and the address once more.
  const meaning = Number.isNaN(code) || words !== '' ? undefined : STATUS_CODES[code];
  if (meaning !== undefined) return `HTTP ${code}: ${meaning}`;
  const line = tellingLine(text, reason);
  if (words !== '') return bounded(Number.isNaN(code) ? words : `HTTP ${code}: ${words}`);
  return bounded(reason === 'not-git' ? `${NOT_GIT}: ${line}` : line);
}

/** What ssh says of it over a dozen lines, of which the first are a warning without facts. */
function describeHostKey(text: string): string {
  const shown = /\bSHA256:[A-Za-z0-9+/]{43}/.exec(text)?.[0];
  const host = / -R "?([\w.:[\]-]{1,100})/.exec(text)?.[1] ?? 'HOST';
  return (
    `the server has another host key than the one this machine knows${shown === undefined ? '' : ` (${shown})`}: ` +
    `ask its operator; if the new one is right: ssh-keygen -R '${host}', then ssh to it once`
  );
}

/**
 * The one line of git that says most: the first failure of a known kind, else the first fatal line,
 * else the first.
 */
function tellingLine(text: string, reason: Reason): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => oneLine(withoutEscapes(line), WORDS_CHARS_MAX))
    .filter((line) => line !== '');
  const line =
    lines.find((candidate) => matchReason(candidate) === reason) ??
    lines.find((candidate) => matchReason(candidate) !== null) ??
    lines.find((candidate) => /\bHTTP \d{3}\b/.test(candidate)) ??
    lines.find((candidate) => candidate.startsWith('fatal:')) ??
    lines[0] ??
    'git failed without saying why';
  const remedy = /dubious ownership in repository at '([^']+)'/.exec(line)?.[1];
  const full =
    remedy === undefined
      ? line
      : `${line}; trust it with: git config --global --add safe.directory ${remedy}`;
  return full.replace(/^(fatal|error): /, '');
}

/** The object or ref that the remote could not give, when that is why a fetch failed. */
export function vanishedIn(result: GitResult): string | null {
  return (
    /not our ref ([0-9a-f]{40,64})/.exec(result.stderr)?.[1] ??
    /couldn't find remote ref (\S+)/.exec(result.stderr)?.[1] ??
    null
  );
}

/**
 * A folder of the cache was removed, because another process had just packed what was in it, at the
 * moment in which git wrote there.
 */
export function lostItsFolder(result: GitResult): boolean {
  return result.stderr
    .split('\n')
    .some(
      (line) =>
        /unable to (create temporary|write)/.test(line) &&
        line.includes('No such file or directory'),
    );
}

/** Whether the remote gives objects only by the names of its refs (protocol version 0). */
export function wantsNames(result: GitResult): boolean {
  return /unadvertised object/.test(result.stderr);
}
