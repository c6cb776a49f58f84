/**
 * The second door: to what is asked over the network instead of being started. A service turns one
 * prompt into one request and what comes back into an answer or a failure of a known class. It
 * keeps no time and no limits; run-service.ts does that in the same way for every service.
 */
import type { Clock } from '../base/clock.ts';
import type { ModelEntry } from '../protocol/models.ts';
import type { Adapter, Mode, Parsed } from './adapter.ts';
import type { OperatorEnv } from './agent-env.ts';

export interface ServiceRequest {
  readonly entry: ModelEntry;
  readonly prompt: string;
  /** Goes along as the system prompt. */
  readonly persona: string | null;
  /** Where the key is read from, by the name that the entry gives. */
  readonly operatorEnv: OperatorEnv;
  readonly clock: Clock;
  /** Any sign of life, even one without text. */
  readonly onActivity: (bytes: number) => void;
  /** Pieces of the answer as they come. */
  readonly onText: (text: string) => void;
  /** Ends the request; what `ask` gives then does not matter. */
  readonly signal: AbortSignal;
}

/** One kind of service. */
export interface Service extends Pick<Adapter, 'name' | 'options'> {
  readonly modes: readonly Mode[];
  /** Values of the entry that must not be seen by anybody, besides the operator's usual secrets. */
  readonly secrets: (entry: ModelEntry, env: OperatorEnv) => readonly string[];
  /** Never rejects for anything the other side does. */
  readonly ask: (request: ServiceRequest) => Promise<Parsed>;
}
