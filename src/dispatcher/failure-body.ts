/** What a reply says of an attempt that failed. */
import type { AttemptOutcome } from '../agents/agent.ts';
import { messageId } from '../protocol/paths.ts';

type Failed = Extract<AttemptOutcome, { kind: 'failed' }>;

/** Where the rest can be read is said as a command: paths of a host are nobody else's business. */
export function failureBody(outcome: Failed, message: string): { body: string; failure: { class: string; detail: string } } {
  const { class: kind, detail, rawOutput } = outcome;
  const hint =
    rawOutput === null ? '' : `\nAll that it printed is kept on the host that ran it: crosstalkd show --transcript ${messageId(message)}\n`;
  return { body: `No answer: ${kind}. ${detail}\n${hint}`, failure: { class: kind, detail } };
}

/** Nothing is started for it. */
export function notStarted(kind: 'loop' | 'attachment', detail: string): Failed {
  const usage = { tokensIn: null, tokensOut: null, costUsd: null };
  return { kind: 'failed', class: kind, detail, resetAtMs: null, usage, durationMs: 0, rawOutput: null };
}
