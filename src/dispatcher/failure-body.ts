/** The body of a failure reply. */
import { shellWord } from '../base/shell-word.ts';
import type { Failed, FailureClass } from '../agents/agent.ts';
import { messageId } from '../protocol/paths.ts';

/** A command leads to the rest: paths of a host are not for others. */
export function failureBody(
  outcome: Failed,
  message: string,
): { body: string; failure: { class: string; detail: string } } {
  const { class: kind, detail, rawOutput } = outcome;
  const hint =
    rawOutput === null
      ? ''
      : `\nAll that it printed is kept on the host that ran it: crosstalkd show --transcript ${shellWord(messageId(message))}\n`;
  return { body: `No answer: ${kind}. ${detail}\n${hint}`, failure: { class: kind, detail } };
}

/** A failure that the dispatcher itself reports: no agent printed anything for it. */
export function failedHere(kind: FailureClass, detail: string): Failed {
  const usage = { tokensIn: null, tokensOut: null, costUsd: null };
  return {
    kind: 'failed',
    class: kind,
    detail,
    resetAtMs: null,
    usage,
    durationMs: 0,
    rawOutput: null,
  };
}
