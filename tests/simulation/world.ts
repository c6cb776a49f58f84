/**
 * What all hosts of a simulation share: time, the remote, the agents' run log, and what has been
 * exercised.
 */
import { createHash, type Hash } from 'node:crypto';
import type { Effects } from '../../src/protocol/models.ts';
import { refNames } from '../../src/protocol/paths.ts';
import { createMemoryRemote, type MemoryRemote } from '../support/memory-repository.ts';
import { createScheduler, type Scheduler } from '../support/simulation-scheduler.ts';
import { drawsOf, type Fault, type Plan } from './plan.ts';

/** One program that was started for a message. */
export interface Run {
  readonly id: string;
  readonly host: string;
  readonly alias: string;
  readonly attemptId: string;
  /** `[[M7]]` of the text it was given: which message that is, wherever its file stands. */
  readonly marker: string;
  readonly recipient: string;
  readonly model: string;
  readonly effects: Effects;
  readonly startedMs: number;
  endedMs: number | null;
  /** Its dispatcher died, or its machine slept, while it ran. */
  orphaned: boolean;
}

export interface World {
  readonly plan: Plan;
  readonly scheduler: Scheduler;
  readonly remote: MemoryRemote;
  readonly runs: Run[];
  /** How often each thing happened. */
  readonly coverage: Map<string, number>;
  readonly count: (what: string) => void;
  /** True while faults may happen and `fault` is one of this seed's. */
  readonly may: (fault: Fault) => boolean;
  readonly problems: string[];
  /** Nobody is started again. */
  readonly isOver: () => boolean;
  readonly end: () => void;
  readonly digest: () => string;
  readonly traceTail: () => readonly string[];
}

export const BRANCH = 'refs/heads/main';
export const REFS = refNames(true);
const TAIL_LINES = 5_000;

/** A world at time 0, with nobody in it. */
export function createWorld(plan: Plan, onTrace: (line: string) => void): World {
  const hash: Hash = createHash('sha1');
  const tail: string[] = [];
  const scheduler = createScheduler(drawsOf(plan, 'schedule'), (line) => {
    hash.update(line).update('\n');
    tail.push(line);
    if (tail.length > TAIL_LINES * 2) tail.splice(0, TAIL_LINES);
    onTrace(line);
  });
  let over = false;
  const coverage = new Map<string, number>();
  return {
    plan,
    scheduler,
    remote: createMemoryRemote(),
    runs: [],
    coverage,
    count: (what) => void coverage.set(what, (coverage.get(what) ?? 0) + 1),
    may: (fault) => plan.faults.has(fault) && scheduler.nowMs() < plan.faultsUntilMs,
    problems: [],
    isOver: () => over,
    end: () => (over = true),
    digest: () => hash.copy().digest('hex'),
    traceTail: () => tail,
  };
}
