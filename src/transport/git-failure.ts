/**
 * The one place that judges what git says about a failure. Text is matched only to tell people why;
 * whether a push landed is read from flags.
 */
import { oneLine } from '../base/plain-text.ts';
import type { PushOutcome, RefResult, RefUpdate, RemoteFailure } from './repository.ts';
import type { GitResult } from './git-runner.ts';

const LINE_CHARS_MAX = 300;

/** First match wins, so the particular stands before the general. */
const REASONS: readonly (readonly [RegExp, RemoteFailure['reason']])[] = [
  [
    /could not resolve (host|proxy)|name or service not known|temporary failure in name resolution|nodename nor servname/i,
    'dns',
  ],
  [
    /host key verification failed|remote host identification has changed|no matching host key/i,
    'host-key',
  ],
  [/dubious ownership/i, 'forbidden'],
  [/no space left on device|disk quota exceeded|disk full/i, 'disk-full'],
  [
    /permission denied \(|authentication failed|could not read (username|password)|invalid credentials|error: 401|access denied/i,
    'auth',
  ],
  [
    /error: 403|permission to \S+ denied|forbidden|read-?only|not allowed to push|you are not allowed|permission denied/i,
    'forbidden',
  ],
  [
    /error: 404|not found\b|does not appear to be a git repository|no such (file|repository)|project you were looking for/i,
    'missing',
  ],
  [/timed out|timeout|operation too slow|low speed/i, 'timeout'],
  [
    /connection refused|failed to connect|couldn't connect|network is unreachable|no route to host|connection reset|connection closed/i,
    'refused',
  ],
  [
    /does not support|not supported|unsupported|protocol \S+ not allowed|mismatched algorithms|unknown object format/i,
    'unsupported',
  ],
  [
    /bad object|corrupt|missing (blob|tree|commit|necessary objects)|unable to read|inflate|index-pack failed|invalid index-pack/i,
    'corrupt',
  ],
];

/** Why a call to the remote did not succeed. */
export function judgeFailure(result: GitResult): RemoteFailure {
  if (result.ended === 'timeout')
    return { reason: 'timeout', line: 'the remote did not answer in time; git was stopped' };
  if (result.ended === 'not-started')
    return { reason: 'unsupported', line: 'git could not be started' };
  if (result.ended === 'overflow')
    return { reason: 'corrupt', line: 'the remote sent more than can be taken' };
  const text = redact(result.stderr);
  const reason = REASONS.find(([pattern]) => pattern.test(text))?.[1] ?? 'unknown';
  return { reason, line: tellingLine(text) };
}

/** `text` without passwords in URLs. */
export function redact(text: string): string {
  return text
    .replace(/:\/\/[^/\s'"@]+@/g, '://')
    .replace(/\b(authorization|private-token):[^\n]*/gi, '$1: …');
}

/**
 * The one line that says most: the first failure of a known kind, else the first fatal line, else
 * the first.
 */
function tellingLine(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => oneLine(line, 4 * LINE_CHARS_MAX))
    .filter((line) => line !== '');
  const known = lines.find((line) => REASONS.some(([pattern]) => pattern.test(line)));
  const line =
    known ??
    lines.find((candidate) => candidate.startsWith('fatal:')) ??
    lines[0] ??
    'git failed without saying why';
  const remedy = /dubious ownership in repository at '([^']+)'/.exec(line)?.[1];
  const full =
    remedy === undefined
      ? line
      : `${line}; trust it with: git config --global --add safe.directory ${remedy}`;
  return full.replace(/^(fatal|error): /, '').slice(0, LINE_CHARS_MAX);
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

/** What became of each ref of `git push --porcelain`. */
export function judgePush(result: GitResult, updates: readonly RefUpdate[]): PushOutcome {
  const lines = porcelainLines(result.stdout.toString('utf8'));
  const told = updates.map((update) => lines.get(update.ref));
  if (told.every((line) => line !== undefined && !line.unreported))
    return { kind: 'answered', refs: withBystanders(updates, told as readonly PorcelainLine[]) };
  if (result.ended === 'exited' && /does not support --atomic/.test(result.stderr))
    return {
      kind: 'answered',
      refs: new Map(
        updates.map(({ ref }) => [
          ref,
          { kind: 'refused', line: 'the remote does not take atomic pushes' },
        ]),
      ),
    };
  return { kind: 'unknown', failure: judgeFailure(result) };
}

interface PorcelainLine {
  readonly flag: string;
  readonly summary: string;
  /** The connection ended before the remote said what it did with this ref. */
  readonly unreported: boolean;
}

function porcelainLines(stdout: string): ReadonlyMap<string, PorcelainLine> {
  const lines = new Map<string, PorcelainLine>();
  for (const line of stdout.split('\n')) {
    const match = /^([ +\-*=!])\t[^\t]*:([^\t:]+)\t(.*)$/.exec(line);
    if (match?.[1] === undefined || match[2] === undefined || match[3] === undefined) continue;
    lines.set(match[2], {
      flag: match[1],
      summary: match[3],
      unreported: match[3].startsWith('[remote failure]'),
    });
  }
  return lines;
}

const BYSTANDER = /\((atomic push fail(ed|ure)|atomic transaction failed)\)/;
/** The remote's own words for "it does not stand where you said": a lost race, not a refusal. */
const RACE =
  /\((failed to update ref|failed to lock|failed to write|cannot lock ref|incorrect old value provided|reference already exists|stale info|fetch first)|\bis at [0-9a-f]{4,64} but expected/;

function withBystanders(
  updates: readonly RefUpdate[],
  told: readonly PorcelainLine[],
): ReadonlyMap<string, RefResult> {
  const results = new Map(updates.map(({ ref }, i) => [ref, judgeLine(told[i] as PorcelainLine)]));
  const refused = [...results.values()].find((result) => result?.kind === 'refused');
  // A ref that fell with others: the refusal is the cause when there is one, else somebody won a
  // race and the caller looks again.
  return new Map(
    [...results].map(([ref, result]) => [ref, result ?? refused ?? { kind: 'stale' }]),
  );
}

function judgeLine({ flag, summary }: PorcelainLine): RefResult | null {
  if (flag !== '!') return { kind: 'landed' };
  if (BYSTANDER.test(summary)) return null;
  if (summary.startsWith('[rejected]') || RACE.test(summary)) return { kind: 'stale' };
  return { kind: 'refused', line: redact(summary).slice(0, LINE_CHARS_MAX) };
}
