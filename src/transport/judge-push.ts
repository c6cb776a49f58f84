/**
 * Determines the outcome of a push from the flags of `git push --porcelain`. PROTOCOL.md
 * "Publishing": a ref landed, had another value, or was refused in the server's words; anything
 * else is unknown until a poll.
 */
import { judgeFailure } from './git-failure.ts';
import type { GitResult } from './git-runner.ts';
import type { PushOutcome, RefResult, RefUpdate } from './repository.ts';
import { bounded, serverWords, withoutEscapes } from './server-words.ts';

/** What became of each ref of `git push --porcelain`. */
export function judgePush(result: GitResult, updates: readonly RefUpdate[]): PushOutcome {
  const lines = porcelainLines(result.stdout.toString('utf8'));
  const told = updates.map((update) => lines.get(update.ref));
  if (told.every((line) => line !== undefined && !line.unreported)) {
    const words = serverWords(result.stderr);
    const judged = told.map((line) => judgeLine(line as PorcelainLine, words));
    return { kind: 'answered', refs: withBystanders(updates, judged, words) };
  }
  if (result.ended === 'exited' && /does not support --atomic/.test(result.stderr))
    return {
      kind: 'answered',
      refs: new Map(
        updates.map(({ ref }) => [
          ref,
          { kind: 'refused', line: 'the remote does not accept atomic pushes' },
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

const BYSTANDER = /\((atomic push fail(ed|ure)|atomic transaction failed|transaction aborted)\)/;
/** The remote's own words for "it does not stand where you said": a lost race, not a refusal. */
const RACE =
  /\((failed to update ref[):]|failed to lock|LOCK_FAILURE|failed to write|cannot lock ref|incorrect old value provided|reference already exists|stale info|fetch first)|\bis at [0-9a-f]{4,64} but expected|already been updated by another/;

function withBystanders(
  updates: readonly RefUpdate[],
  judged: readonly (RefResult | null)[],
  words: string,
): ReadonlyMap<string, RefResult> {
  // A ref that fell with others: the refusal is the cause when there is one, else somebody won a
  // race and the caller looks again.
  const cause = judged.find((result) => result?.kind === 'refused') ??
    judged.find((result) => result?.kind === 'stale') ?? {
      kind: 'stale',
      line: words === '' ? 'the push was rejected as a whole' : words,
    };
  return new Map(updates.map(({ ref }, i) => [ref, judged[i] ?? cause]));
}

/** What the remote says of one ref; null = it fell because of another one of the push. */
function judgeLine({ flag, summary }: PorcelainLine, words: string): RefResult | null {
  if (flag !== '!') return { kind: 'landed' };
  if (BYSTANDER.test(summary)) return null;
  const why = withoutEscapes(summary.replace(/^\[(?:remote )?rejected\] \((.*)\)$/, '$1'));
  const line = bounded(words === '' ? why : `${why}: ${words}`);
  const isRace = summary.startsWith('[rejected]') || RACE.test(summary);
  return { kind: isRace ? 'stale' : 'refused', line };
}
