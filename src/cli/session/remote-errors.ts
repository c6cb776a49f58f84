/** The errors of a remote: it does not answer, refuses a push, or its history was rewritten. */
import { CrosstalkError, errorText } from '../../base/errors.ts';
import { fixByHand } from '../../base/fix.ts';
import { fixOf } from '../../protocol/remedy.ts';
import { isRefusal, judgeFailure, mayPass } from '../../transport/git-failure.ts';
import type { Rewrite } from '../../transport/mirror.ts';
import type { Located } from './locate.ts';
import type { RemoteFailure } from '../../transport/repository.ts';

/** A call of the remote that failed, as an error. */
export class RemoteAway extends CrosstalkError {
  /** Null where nobody knows why. */
  readonly failure: RemoteFailure | null;
  readonly url: string;
  constructor(url: string, failure: RemoteFailure | string) {
    const line = typeof failure === 'string' ? failure : failure.line;
    super('REMOTE_UNREACHABLE', `cannot reach ${url}: ${line}`, { fix: 'crosstalkd doctor' });
    this.url = url;
    this.failure = typeof failure === 'string' ? null : failure;
  }
}

/** The error of a remote that does not answer; `failure` may be no more than a line. */
export function unreachable(url: string, failure: RemoteFailure | string): RemoteAway {
  return new RemoteAway(url, failure);
}

/** The error of a push that may still land: a slow server continues without us. */
export function unsettled(url: string, failure: RemoteFailure | null): CrosstalkError {
  if (failure === null || failure.reason !== 'silent')
    return unreachable(url, failure?.line ?? 'no answer');
  return new CrosstalkError(
    'REMOTE_UNREACHABLE',
    `${url} did not say what became of the push: ${failure.line}; it may still land`,
    { fix: fixByHand('before you try again, see in crosstalkd log whether it has landed') },
  );
}

/**
 * What is thrown where a command cannot begin, for want of its remote: an error that was told
 * already, or what git says of it. `what`: what could not be done.
 */
export function asUnreachable(what: string, error: unknown): CrosstalkError {
  if (error instanceof CrosstalkError && !(error instanceof RemoteAway)) return error;
  const stderr = errorText(error);
  const { line } =
    (error instanceof RemoteAway ? error.failure : null) ??
    judgeFailure({ ended: 'exited', code: 128, stdout: Buffer.alloc(0), stderr });
  return new CrosstalkError('REMOTE_UNREACHABLE', `${what}: ${line}`, {
    fix: fixByHand('check the address and your access to it, then the same command again'),
  });
}

/** Whether it is the failure of a call that may succeed later, without anybody fixing anything. */
export function isPassing(
  error: unknown,
): error is RemoteAway & { readonly failure: RemoteFailure } {
  return error instanceof RemoteAway && error.failure !== null && mayPass(error.failure);
}

/** The error of a push that had no answer: the server was there and said no, or was not there. */
export function pushFailed(url: string, failure: RemoteFailure): CrosstalkError {
  return isRefusal(failure) ? refused(failure.line) : unreachable(url, failure);
}

type Places = Pick<Located, 'url' | 'pushUrl'>;

/** What is said of a refusal where pushes go to another address than reads; else nothing. */
export function notOnePlace({ url, pushUrl }: Places): string {
  return pushUrl === null
    ? ''
    : `; pushes go to ${pushUrl}, reads to ${url}: both must be the same repository`;
}

/** The error of a push that the remote refuses, in its words. */
export function refused(line: string, places: Places | null = null): CrosstalkError {
  const beside = places === null ? '' : notOnePlace(places);
  return new CrosstalkError('REFUSED', `the remote refuses the push: ${line}${beside}`, {
    fix: 'crosstalkd doctor',
  });
}

/**
 * The error of a branch that moved backwards or changed its version file; null = nobody knows
 * which.
 */
export function rewritten(rewrite: Rewrite | null): CrosstalkError {
  const what =
    rewrite?.descends === true
      ? 'CROSSTALK-VERSION requires something else of hosts than before'
      : 'the branch on the remote does not contain what was read before';
  return new CrosstalkError(
    'HISTORY_REWRITTEN',
    `${what}; nothing runs until a person has looked`,
    { fix: fixOf({ kind: 'rewritten', isGone: rewrite !== null && rewrite.now === null }) },
  );
}
