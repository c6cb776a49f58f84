/**
 * Other people's programs, played: they take virtual time, answer, fail in every way there is,
 * hang, or are slow to die.
 */
import {
  type Agents,
  type AttemptOutcome,
  type AttemptRequest,
  type FailureClass,
} from '../../src/agents/agent.ts';
import { NO_USAGE } from '../../src/agents/adapter.ts';

/** What a program will do. */
export type Act =
  | { readonly kind: 'answer'; readonly ms: number }
  | {
      readonly kind: 'fail';
      readonly ms: number;
      readonly class: FailureClass;
      readonly resetInMs: number | null;
    }
  /** Asks to be allowed something first, and says what came of it. */
  | { readonly kind: 'ask'; readonly ms: number; readonly title: string }
  | { readonly kind: 'endless' };

/** Where programs run. */
export interface AgentStage {
  readonly act: () => Act;
  /** From being told to end until it has. */
  readonly dyingMs: () => number;
  /** True time passes on this machine; never resolves when it is switched off. */
  readonly pass: (ms: number) => { readonly done: Promise<void>; readonly cancel: () => void };
  /** Never resolves when the process that asked is dead. */
  readonly report: () => Promise<void>;
  readonly wallMs: () => number;
  /** A program was started; says its id and what to call when it has ended. */
  readonly started: (request: AttemptRequest) => {
    readonly id: string;
    readonly marker: string;
    /** What it will say; without it, who it is and what it was asked. */
    readonly says?: string;
    readonly ended: () => void;
  };
  /** Runs until the program is ended from outside (a reaper). */
  readonly reaped: (attemptId: string) => Promise<void>;
}

const NOT_STARTED: readonly FailureClass[] = ['missing', 'setup'];

/** The door to agents on a stage. */
export function createFakeAgents(stage: AgentStage): Agents {
  return {
    run: async (request) => {
      if (request.signal.aborted) return { kind: 'stopped', textSoFar: '', durationMs: 0 };
      const act = stage.act();
      if (act.kind === 'fail' && NOT_STARTED.includes(act.class)) return failed(act, stage);
      const program = stage.started(request);
      let pid = 0;
      for (const char of request.attemptId) pid = (pid * 31 + char.charCodeAt(0)) % 30_000;
      // Like the real one: what cannot be journalled is ended before it gets its input, and the
      // attempt rejects.
      const unjournalled = request.onStarted({ pgid: pid + 2, startTicks: null }).then(
        () => new Promise<never>(() => undefined),
        (error: unknown) => ({ error }),
      );
      const lived = await Promise.race([live(request, { stage, act, program }), unjournalled]);
      program.ended();
      if ('error' in lived) throw lived.error;
      const outcome = lived;
      await stage.report();
      return outcome;
    },
  };
}

interface Life {
  readonly stage: AgentStage;
  readonly act: Act;
  readonly program: ReturnType<AgentStage['started']>;
}

async function live(
  request: AttemptRequest,
  { stage, act, program }: Life,
): Promise<AttemptOutcome> {
  request.onSaid?.({ soFar: () => `half of ${program.id}`, redact: (text) => text });
  const work = stage.pass(
    act.kind === 'endless' ? request.entry.timeoutMs : Math.min(act.ms, request.entry.timeoutMs),
  );
  const aborted = new Promise<'aborted'>((resolve) =>
    request.signal.addEventListener('abort', () => resolve('aborted'), { once: true }),
  );
  const allowed =
    act.kind === 'ask' &&
    (await Promise.race([
      request.onAsk?.({ title: act.title, kind: null, input: null }, '/work') ?? false,
      aborted.then(() => false),
    ]));
  const cause = await Promise.race([
    work.done.then(() => 'done' as const),
    aborted,
    stage.reaped(request.attemptId).then(() => 'reaped' as const),
  ]);
  work.cancel();
  if (cause !== 'done') {
    await stage.pass(stage.dyingMs()).done;
    return { kind: 'stopped', textSoFar: `part of ${program.id}`, durationMs: 0 };
  }
  if (act.kind === 'endless') return failed({ class: 'timeout', resetInMs: null }, stage);
  if (act.kind === 'fail') return failed(act, stage);
  const asked = act.kind === 'ask' ? (allowed ? 'allowed: ' : 'denied: ') : '';
  const text = asked + (program.says ?? `answer ${program.id} to ${program.marker}`);
  request.onOutput(text);
  return {
    kind: 'answered',
    text,
    session: `s-${program.id}`,
    usage: NO_USAGE,
    agent: 'fake 1',
    durationMs: act.ms,
  };
}

function failed(
  act: { readonly class: FailureClass; readonly resetInMs: number | null },
  stage: AgentStage,
): AttemptOutcome {
  return {
    kind: 'failed',
    class: act.class,
    detail: `played ${act.class}`,
    resetAtMs: act.resetInMs === null ? null : stage.wallMs() + act.resetInMs,
    usage: NO_USAGE,
    durationMs: 1,
    rawOutput: null,
  };
}
