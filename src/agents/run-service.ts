/**
 * Asks a service within the entry's limits of time, silence and output, and reads what came of it.
 */
import { checkedUsage } from '../protocol/usage.ts';
import type { Clock } from '../base/clock.ts';
import type { AttemptOutcome, AttemptRequest } from './agent.ts';
import type { OperatorEnv } from './agent-env.ts';
import { watchLimits } from './limits.ts';
import { answer, createShown, failed, failure, limitReached } from './outcome.ts';
import { createRedactor, secretsOf } from './redact.ts';
import type { Service } from './service.ts';

/**
 * Bytes that may come for each byte of answer: JSON around each piece of text, thoughts, signs of
 * life.
 */
const WIRE_FACTOR = 400;
const WIRE_BASE = 1_048_576;

export interface ServiceParts {
  readonly service: Service;
  readonly clock: Clock;
  readonly operatorEnv: OperatorEnv;
}

type Cause = 'answered' | 'timeout' | 'idle' | 'too-large' | 'aborted';

/** One attempt with a service. */
export async function runService(
  request: AttemptRequest,
  parts: ServiceParts,
): Promise<AttemptOutcome> {
  const { service, clock, operatorEnv } = parts;
  const { entry } = request;
  if (request.signal.aborted) return { kind: 'stopped', textSoFar: '', durationMs: 0 };
  const redact = createRedactor([
    ...service.secrets(entry, operatorEnv),
    ...secretsOf(operatorEnv),
  ]);
  const shown = createShown(request, redact);
  const state: {
    cause: Cause;
    lastOutputMs: number;
    textBytes: number;
    wireBytes: number;
    line: string;
  } = {
    cause: 'answered',
    lastOutputMs: clock.monotonicMs(),
    textBytes: 0,
    wireBytes: 0,
    line: '',
  };
  const [over, done] = [new AbortController(), new AbortController()];
  const end = (cause: Cause): void => {
    if (state.cause === 'answered' && !done.signal.aborted) state.cause = cause;
    over.abort();
  };
  const onAbort = (): void => end('aborted');
  request.signal.addEventListener('abort', onAbort, { once: true });
  const { timeoutMs, idleTimeoutMs } = entry;
  void watchLimits(
    { timeoutMs, idleTimeoutMs, lastOutputMs: () => state.lastOutputMs, done: done.signal, end },
    clock,
  );
  const parsed = await service.ask({
    entry,
    prompt: request.prompt,
    persona: request.persona,
    operatorEnv,
    clock,
    signal: over.signal,
    onActivity: (bytes) => {
      state.lastOutputMs = clock.monotonicMs();
      state.wireBytes += bytes;
      if (state.wireBytes > entry.outputBytesMax * WIRE_FACTOR + WIRE_BASE) end('too-large');
    },
    onText: (text) => {
      state.textBytes += Buffer.byteLength(text);
      // Line by line, so that a secret which comes in two pieces is seen whole.
      const lines = (state.line + text).split('\n');
      state.line = lines.pop() ?? '';
      for (const line of lines) shown.show(`${line}\n`);
      if (state.textBytes > entry.outputBytesMax) end('too-large');
    },
  });
  done.abort();
  request.signal.removeEventListener('abort', onAbort);
  if (state.line !== '') shown.show(state.line);
  const raw = Buffer.from(shown.text());
  // A whole answer wins over the limit that was reached just then.
  if (parsed.kind === 'answer')
    return answer(
      { ...parsed, usage: checkedUsage(parsed.usage) },
      { entry, redact, raw, fallbackVersion: null },
    );
  switch (state.cause) {
    case 'aborted':
      return { kind: 'stopped', textSoFar: shown.text(), durationMs: 0 };
    case 'answered':
      return parsed.kind === 'failure'
        ? failure({ ...parsed, usage: checkedUsage(parsed.usage) }, { redact, raw })
        : failed('invalid', 'a service keeps no sessions');
    case 'timeout':
    case 'idle':
    case 'too-large':
      return limitReached(state.cause, { entry, redact, raw, said: '', parsed });
  }
}
