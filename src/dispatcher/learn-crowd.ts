/**
 * Estimates how many hosts push the branch at the same time, and how long a push takes, from this
 * host's own wins and losses.
 */
import type { PublishRound } from '../transport/publish.ts';
import type { Crowd } from '../transport/wait-after-loss.ts';
import type { Dispatcher } from './dispatcher.ts';
import { refsUnder } from './refs-under.ts';

type Learner = Pick<Dispatcher, 'state'> & {
  readonly settings: Pick<Dispatcher['settings'], 'refs'>;
};

interface Round {
  readonly round: PublishRound;
  /** Nothing of it was settled. */
  readonly isLost: boolean;
  /** None was lost just before it. */
  readonly isFirst: boolean;
}

/**
 * Takes in one round. Only hosts with a claim can have something to publish, so there are no more
 * rivals than beats or claims in view.
 */
export function learnCrowd({ state, settings }: Learner, { round, isLost, isFirst }: Round): Crowd {
  const { post, refs } = state;
  if (round.pushMs > 0) post.pushMs = round.pushMs;
  if (hasLanded(round)) post.landing = { ms: round.pushMs, hasLanded: true };
  else if (!post.landing.hasLanded)
    post.landing = { ms: Math.max(post.landing.ms, round.pushMs), hasLanded: false };
  const rivalsMax = Math.max(
    1,
    Math.min(
      refsUnder(refs, settings.refs.hosts).length,
      refsUnder(refs, settings.refs.claims).length,
    ),
  );
  if (isLost) post.rivals = Math.min(rivalsMax, post.rivals * 2);
  else if (hasLanded(round) && isFirst) post.rivals = Math.max(1, post.rivals / 2);
  return { pushMs: post.landing.ms, rivals: Math.min(rivalsMax, post.rivals), rivalsMax };
}

/**
 * Whether it moved the branch: a push that only lets claims go tells nothing of how long that
 * takes.
 */
export function hasLanded({ outcomes }: PublishRound): boolean {
  return [...outcomes.values()].some(
    (outcome) => outcome.kind === 'landed' && outcome.commits.length > 0,
  );
}
